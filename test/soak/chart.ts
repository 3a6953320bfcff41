const WIDTH = 760
const HEIGHT = 260
const LEFT = 56
const BOTTOM = 36
const TOP = 40

/** Memory in bytes at a time in seconds since the start. */
export type Sample = { at: number; server: number; nginx: number }

/** Draws memory over time as SVG, and marks the times at which replicas were killed. */
export function createChart(samples: Sample[], kills: number[], caption: string): string {
  const end = samples.at(-1)?.at ?? 1
  const most = Math.max(...samples.flatMap(({ server, nginx }) => [server, nginx]), 1) * 1.1
  const x = (at: number) => (LEFT + (at / end) * (WIDTH - LEFT)).toFixed(1)
  const y = (bytes: number) => (TOP + (1 - bytes / most) * (HEIGHT - TOP - BOTTOM)).toFixed(1)
  const line = (key: 'server' | 'nginx') => samples.map(each => `${x(each.at)},${y(each[key])}`).join(' ')
  const MiB = (bytes: number) => `${Math.round(bytes / 2 ** 20)} MiB`
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="-16 -8 ${WIDTH + 32} ${HEIGHT + 16}" width="${WIDTH + 32}" height="${HEIGHT + 16}" role="img">
<title>Memory during a soak</title>
<style>
  text { font: 12px system-ui, sans-serif; fill: #1f2328 }
  polyline { fill: none; stroke-width: 1.5 }
  .server { stroke: #0969da; fill: #0969da }
  .nginx { stroke: #1a7f37; fill: #1a7f37 }
  polyline.server, polyline.nginx { fill: none }
  text.server, text.nginx { stroke: none }
  .kill { stroke: #cf222e; stroke-dasharray: 2 4 }
  .axis { stroke: #59636e }
  @media (prefers-color-scheme: dark) { text { fill: #f0f6fc } }
</style>
<text x="0" y="14">${caption}</text>
<text class="server" x="0" y="32">servers</text><text class="nginx" x="60" y="32">NGINX</text>
<path class="axis" d="M${LEFT} ${TOP}V${HEIGHT - BOTTOM}H${WIDTH}" fill="none"/>
<text x="${LEFT - 6}" y="${TOP + 10}" text-anchor="end">${MiB(most)}</text>
<text x="${LEFT - 6}" y="${HEIGHT - BOTTOM}" text-anchor="end">0</text>
<text x="${WIDTH}" y="${HEIGHT - BOTTOM + 18}" text-anchor="end">${Math.round(end)} s</text>
${kills.map(at => `<path class="kill" d="M${x(at)} ${TOP}V${HEIGHT - BOTTOM}"/>`).join('\n')}
<polyline class="server" points="${line('server')}"/>
<polyline class="nginx" points="${line('nginx')}"/>
</svg>
`
}
