import { build } from 'esbuild'

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
      setup({ onResolve }) {
        onResolve({ filter: /\/control\.ts$/ }, ({ kind }) =>
          kind === 'dynamic-import' ? { path: './control.cjs', external: true } : undefined,
        )
      },
    },
  ],
})
