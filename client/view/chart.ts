import { separated } from '../core/count.ts'
import type { Statistics, Summary } from '../core/statistics.ts'
import { element } from './element.ts'
import type { Plot } from './plot.ts'

const INTERVAL = 500

/** Shows round trips and the message rate as numbers, as a plot, and as its text alternative. Updates while visible. */
export function createChart(root: ParentNode, statistics: Statistics) {
  const box = element(root, '#plot', HTMLElement)
  const numbers = {
    p50: element(root, '#p50', HTMLElement),
    p95: element(root, '#p95', HTMLElement),
    p99: element(root, '#p99', HTMLElement),
    max: element(root, '#max', HTMLElement),
    rate: element(root, '#rate', HTMLElement),
  }
  const note = element(root, '#chart-note', HTMLElement)
  let plot: Plot | undefined
  let timer: ReturnType<typeof setInterval> | undefined

  async function draw() {
    if (document.hidden) return
    const summary = statistics.summary()
    const texts = {
      p50: milliseconds(summary.p50),
      p95: milliseconds(summary.p95),
      p99: milliseconds(summary.p99),
      max: milliseconds(summary.max),
      rate: separated(Math.round(summary.rate)),
    }
    for (const [name, text] of Object.entries(texts) as [keyof typeof numbers, string][]) {
      numbers[name].textContent = text
    }
    note.hidden = summary.isMeasured !== false
    box.ariaLabel = describe(summary, texts)
    try {
      const { createPlot } = await import('./plot.ts')
      plot ??= createPlot(box)
      plot.show(statistics.series())
    } catch {
      // The network is down. The numbers need no plot, and the next drawing tries again.
    }
  }

  return {
    setVisible(isVisible: boolean) {
      clearInterval(timer)
      if (!isVisible) return
      void draw()
      timer = setInterval(draw, INTERVAL)
    },

    end() {
      clearInterval(timer)
      plot?.end()
      plot = undefined
    },
  }
}

function describe({ p50 }: Summary, texts: Record<Exclude<keyof Summary, 'isMeasured'>, string>): string {
  const rate = `${texts.rate} ${texts.rate === '1' ? 'message' : 'messages'} received per second`
  if (p50 === undefined) return `No round trips yet. ${rate}.`
  return `Round trips: 50% within ${texts.p50}, 95% within ${texts.p95}, 99% within ${texts.p99}, at most ${texts.max}. ${rate}.`
}

/** Formats milliseconds with three significant digits, or a dash if unknown. */
function milliseconds(ms: number | undefined): string {
  return ms === undefined ? '–' : `${separated(Number(ms.toPrecision(3)))} ms`
}
