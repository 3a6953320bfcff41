import { basename } from 'node:path'
import { build } from 'esbuild'

const PARTS = `
  export { default as PerMessageDeflate } from './permessage-deflate.js'
  export { default as Receiver } from './receiver.js'
  export { default as extension } from './extension.js'
  export { default as subprotocol } from './subprotocol.js'
`

// Each of these has a file of its own, because a start without it should not read the packages that it needs.
const LATE = ['server/control/control.ts', 'server/protocols/socket-io.ts', 'server/signalr/signalr.ts']

// As CommonJS, because an import of node:http as an ES module also loads a WebSocket client, which delays the start.
await build({
  entryPoints: ['server/main.ts', ...LATE],
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
        onResolve({ filter: /\.ts$/ }, ({ kind, path }) =>
          kind === 'dynamic-import' && LATE.some(late => basename(late) === basename(path))
            ? { path: `./${basename(path, '.ts')}.cjs`, external: true }
            : undefined,
        )
        // The rest of ws, which internals.ts does not use, loads TLS.
        onResolve({ filter: /^ws$/ }, ({ path }) => ({ path, namespace: 'parts' }))
        onLoad({ filter: /^ws$/, namespace: 'parts' }, () => ({ contents: PARTS, resolveDir: 'node_modules/ws/lib' }))
      },
    },
  ],
})
