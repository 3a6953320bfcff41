import { build } from 'esbuild'

const PARTS = `
  export { default as PerMessageDeflate } from './permessage-deflate.js'
  export { default as Receiver } from './receiver.js'
  export { default as extension } from './extension.js'
  export { default as subprotocol } from './subprotocol.js'
`

// As CommonJS, because an import of node:http as an ES module also loads a WebSocket client, which delays the start. The
// control port has a file of its own, because a start without it should not read the packages that it needs.
await build({
  entryPoints: ['server/main.ts', 'server/control/control.ts'],
  entryNames: '[name]',
  outdir: 'server/dist',
  outExtension: { '.js': '.cjs' },
  bundle: true,
  platform: 'node',
  format: 'cjs',
  target: 'node24',
  define: { 'import.meta.main': 'true' },
  logLevel: 'info',
  plugins: [
    {
      name: 'late',
      setup({ onResolve, onLoad }) {
        onResolve({ filter: /\/control\.ts$/ }, ({ kind }) =>
          kind === 'dynamic-import' ? { path: './control.cjs', external: true } : undefined,
        )
        // The rest of ws, which internals.ts does not use, loads TLS.
        onResolve({ filter: /^ws$/ }, ({ path }) => ({ path, namespace: 'parts' }))
        onLoad({ filter: /^ws$/, namespace: 'parts' }, () => ({ contents: PARTS, resolveDir: 'node_modules/ws/lib' }))
      },
    },
  ],
})
