import uPlot from 'uplot'
import type { Series } from '../core/statistics.ts'
import { addStyleSheet } from './style-sheet.ts'

const HEIGHT = 160

export type Plot = ReturnType<typeof createPlot>

/** Draws round trips and the message rate of the last minute. Loaded on demand, because it is larger than the page. */
export function createPlot(box: HTMLElement) {
  void addStyleSheet('plot.css')
  let plot: uPlot | undefined
  let series: Series | undefined

  function draw() {
    plot?.destroy()
    plot = new uPlot(options(box), data(), box)
  }

  function data(): uPlot.AlignedData {
    const { times = [], median = [], max = [], received = [] } = series ?? {}
    // A line along zero before the first message would be the largest thing in the plot.
    const first = received.findIndex(rate => rate > 0)
    const rates = received.map((rate, i) => (first < 0 || i < first ? null : rate))
    return [times, median, max, rates]
  }

  const resizing = new ResizeObserver(() => {
    if (plot && box.clientWidth > 0) plot.setSize({ width: box.clientWidth, height: HEIGHT })
  })
  resizing.observe(box)
  // A canvas must be redrawn when the colours change.
  const scheme = matchMedia('(prefers-color-scheme: dark)')
  scheme.addEventListener('change', draw)
  const theming = new MutationObserver(draw)
  theming.observe(document.documentElement, { attributeFilter: ['data-theme'] })

  return {
    show(next: Series) {
      series = next
      if (plot) plot.setData(data())
      else draw()
    },

    end() {
      plot?.destroy()
      scheme.removeEventListener('change', draw)
      theming.disconnect()
      resizing.disconnect()
    },
  }
}

function options(box: HTMLElement): uPlot.Options {
  const style = getComputedStyle(box)
  /** Resolves a custom property in the current colours. */
  const colour = (name: string) => {
    box.style.color = `var(${name})`
    const resolved = style.color
    box.style.color = ''
    return resolved
  }
  const accent = colour('--accent')
  const wait = colour('--wait')
  const axis: uPlot.Axis = {
    stroke: colour('--muted'),
    font: '12px system-ui, sans-serif',
    grid: { stroke: colour('--rule'), width: 1 },
    ticks: { show: false },
    size: (_plot, values) => 14 + Math.max(0, ...(values ?? []).map(({ length }) => length)) * 6.5,
  }
  const line = { width: 1.5, points: { show: false } }

  return {
    width: box.clientWidth,
    height: HEIGHT,
    padding: [8, 0, 0, 0],
    legend: { show: false },
    cursor: { show: false },
    scales: {
      x: { time: false, range: [-59.5, 0] },
      ms: { range: (_plot, _min, max) => [0, Math.max(max ?? 0, 0.1) * 1.1] },
      rate: { range: (_plot, _min, max) => [0, Math.max(max ?? 0, 1) * 1.1] },
    },
    axes: [
      { ...axis, size: 24, values: (_plot, ticks) => ticks.map(tick => (tick === 0 ? 'now' : `${tick} s`)) },
      { ...axis, scale: 'ms', values: (_plot, ticks) => ticks.map(tick => `${tick.toLocaleString('en')} ms`) },
      {
        ...axis,
        scale: 'rate',
        side: 1,
        grid: { show: false },
        values: (_plot, ticks) => ticks.map(tick => (tick >= 1000 ? `${tick / 1000}k/s` : `${tick}/s`)),
      },
    ],
    series: [
      {},
      { ...line, scale: 'ms', stroke: accent, points: { show: true, size: 4, fill: accent } },
      { ...line, scale: 'ms', stroke: wait, points: { show: true, size: 4, fill: wait } },
      { ...line, scale: 'rate', stroke: colour('--good') },
    ],
  }
}
