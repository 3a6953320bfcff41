import { nginxName, peers, proxyName } from './peers.ts'
import { captionOf } from './report.ts'
import type { Results } from './results.ts'
import { ratioOf } from './rounds.ts'
import { titleOf, type WorkloadName } from './workloads.ts'

const WIDTH = 760
const LEFT = 130
const RIGHT = 64
const BAR = 16
const ROW = 26
const GROUP = 44
const TOP = 62

const STYLE = `
  text { font: 13px system-ui, -apple-system, 'Segoe UI', sans-serif; fill: #1f2328 }
  .title { font-size: 16px; font-weight: 600 }
  .group { font-weight: 600 }
  .note { font-size: 11px; fill: #59636e }
  .bar { fill: #afb8c1 }
  .ours { fill: #0969da }
  .whisker { stroke: #1f2328; stroke-width: 1.5 }
  .spread { fill: #818b98; opacity: 0.25 }
  .one { stroke: #59636e; stroke-dasharray: 3 3 }
  @media (prefers-color-scheme: dark) {
    text { fill: #f0f6fc }
    .note { fill: #9198a1 }
    .bar { fill: #565e68 }
    .ours { fill: #4493f8 }
    .whisker { stroke: #f0f6fc }
    .one { stroke: #9198a1 }
  }`

const names: WorkloadName[] = ['small', 'pipelined', 'medium']
/** Longer bars are cut, so that ratios near 1 can be distinguished. */
const LONGEST = 4
const omitted = [peers.raw.name, peers.rawAgain.name, peers.debug.name, nginxName, proxyName, 'relay']
const colored = [peers.ours.name, peers.verbatim.name]
const escapeXml = (text: string) => text.replace(/[&<>"]/g, character => `&#${character.charCodeAt(0)};`)

/** Draws CPU per message as SVG, as ratios to the raw echo. Without CPU figures, there are no bars. */
export function createChart(results: Results): string {
  const groups = names.map(name => {
    const rounds = results.workloads[name]
    const bars = rounds.flatMap(({ peer }) => {
      const ratio = omitted.includes(peer) ? undefined : ratioOf(rounds, peer, 'cpu')
      return ratio ? [{ peer, ratio }] : []
    })
    return { title: titleOf(name), bars, spread: ratioOf(rounds, peers.rawAgain.name, 'cpu') }
  })
  const ratios = groups.flatMap(({ bars }) => bars.map(({ ratio }) => ratio.q3))
  const highest = Math.min(LONGEST, Math.max(1.5, ...ratios))
  const x = (ratio: number) => (LEFT + (Math.min(ratio, highest) / highest) * (WIDTH - LEFT - RIGHT)).toFixed(1)

  const bar = (ratio: number, middle: number) => {
    const [top, bottom, end] = [middle - BAR / 2, middle + BAR / 2, Number(x(ratio))]
    const whole = `M${LEFT} ${top}H${end}V${bottom}H${LEFT}z`
    const broken = `M${LEFT} ${top}H${end - 24}L${end - 30} ${bottom}H${LEFT}zM${end - 18} ${top}H${end}V${bottom}H${end - 24}z`
    return ratio > highest ? broken : whole
  }

  let y = TOP
  const drawn = groups.map(({ title, bars, spread }) => {
    const top = y + GROUP - 10
    const height = bars.length * ROW
    const shade = spread
      ? `<rect class="spread" x="${x(spread.q1)}" y="${top}" width="${(Number(x(spread.q3)) - Number(x(spread.q1))).toFixed(1)}" height="${height}"/>`
      : ''
    const rows = bars.map(({ peer, ratio }, row) => {
      const middle = top + (row + 0.5) * ROW
      return `<text x="${LEFT - 10}" y="${middle + 4.5}" text-anchor="end">${escapeXml(peer)}</text>
<path class="bar${colored.includes(peer) ? ' ours' : ''}" d="${bar(ratio.median, middle)}"/>
<path class="whisker" d="M${x(ratio.q1)} ${middle}H${x(ratio.q3)}"/>
<text x="${Number(x(Math.max(ratio.q3, ratio.median))) + 8}" y="${middle + 4.5}">${ratio.median.toFixed(2)}</text>`
    })
    y = top + height
    return `<text class="group" x="0" y="${top - 10}">${title}</text>
${rows.join('\n')}
${shade}
<path class="one" d="M${x(1)} ${top - 4}V${y + 4}"/>`
  })
  const height = y + 52

  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="-16 -8 ${WIDTH + 32} ${height + 16}" width="${WIDTH + 32}" height="${height + 16}" role="img">
<title>CPU per message as a ratio to a bare node:net echo</title>
<style>${STYLE}
</style>
<text class="title" x="0" y="20">CPU per message, bare node:net echo = 1</text>
<text class="note" x="0" y="40">Shorter is better. The lines show quartiles; the shaded band around 1 shows those of node:net against itself.</text>
${drawn.join('\n')}
<text class="note" x="0" y="${height - 10}">${escapeXml(captionOf(results))}</text>
</svg>
`
}
