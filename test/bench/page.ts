import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import lighthouse, { desktopConfig } from 'lighthouse'
import type { Page } from 'puppeteer-core'
import { type WebSocket, WebSocketServer } from 'ws'
import { launchBrowser } from '../browser/browser.ts'
import { openTester } from '../browser/tester.ts'
import { startStack } from '../stack/stack.ts'
import { quartiles } from './statistics.ts'
import { formatNumber, formatTable } from './table.ts'

// Measures the page of the composed stack in Chromium.

const FLOOD = 100_000
const FLOOD_RATE = 10_000
const REPEATED = 50_000

const stack = await startStack({ build: true })
const rows: string[][] = []
const addRow = (what: string, value: number | undefined, unit = '') => rows.push([what, formatNumber(value) + unit])

/** Opens the page in a new browser with an empty cache. */
async function withPage(use: (tester: Awaited<ReturnType<typeof openTester>>) => Promise<unknown>) {
  const browser = await launchBrowser('chrome', { args: ['--enable-precise-memory-info'] })
  try {
    await use(await openTester(browser, stack.page))
  } finally {
    await browser.close()
  }
}

const transferred = (page: Page) =>
  page.evaluate(() =>
    performance
      .getEntriesByType('resource')
      .concat(performance.getEntriesByType('navigation'))
      .map(entry => (entry as PerformanceResourceTiming).encodedBodySize)
      .reduce((a, b) => a + b),
  )

async function measureLoad() {
  const paints: number[] = []
  for (let i = 0; i < 5; i++) {
    await withPage(async ({ page, visit, says, openPart }) => {
      await visit()
      const paint = await page.evaluate(
        () =>
          new Promise<number>(resolve => {
            const observer = new PerformanceObserver(list => {
              for (const { name, startTime } of list.getEntries()) {
                if (name === 'first-contentful-paint') resolve(startTime)
              }
            })
            observer.observe({ type: 'paint', buffered: true })
          }),
      )
      paints.push(paint)
      if (i > 0) return
      const first = await transferred(page)
      await openPart('chart')
      await says('#rate', '0')
      addRow('first load, compressed', first / 1024, ' KiB')
      addRow('chart, on demand', ((await transferred(page)) - first) / 1024, ' KiB')
    })
  }
  addRow('first render, median of 5', quartiles(paints).median, ' ms')
}

async function flood(socket: WebSocket) {
  const start = performance.now()
  for (let sent = 0; sent < FLOOD; await pause(5)) {
    const due = Math.min(FLOOD, ((performance.now() - start) * FLOOD_RATE) / 1000)
    while (sent < due) socket.send(`pushed ${sent++}`)
  }
}

async function measureFlood() {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1' })
  await once(server, 'listening')
  server.on('connection', flood)

  await withPage(async ({ page, visit, connectTo, logged }) => {
    const heap = async () => {
      const devtools = await page.createCDPSession()
      await devtools.send('HeapProfiler.collectGarbage')
      await devtools.detach()
      return ((await page.metrics()).JSHeapUsedSize ?? 0) / 2 ** 20
    }
    await visit()
    const before = await heap()
    await page.evaluate(() => {
      const frames: number[] = []
      Object.assign(window, { frames })
      const frame = (at: number) => {
        frames.push(at)
        requestAnimationFrame(frame)
      }
      requestAnimationFrame(frame)
    })
    await connectTo(`ws://127.0.0.1:${(server.address() as AddressInfo).port}/`)
    await logged(`pushed ${FLOOD - 1}`)
    const frames = await page.evaluate(() => (window as unknown as { frames: number[] }).frames)
    const lengths = frames.slice(1).map((at, i) => at - (frames[i] ?? at))
    addRow(
      'frames per second while 100,000 messages arrive in 10 s',
      1000 / (lengths.reduce((a, b) => a + b) / lengths.length),
    )
    addRow('longest frame meanwhile', Math.max(...lengths), ' ms')
    addRow('heap before', before, ' MiB')
    addRow('heap with 100,000 messages in the log', await heap(), ' MiB')
  })
  for (const socket of server.clients) socket.terminate()
  server.close()
}

async function measureEchoes() {
  for (const inFlight of [16, 256]) {
    await withPage(async ({ page, visit, fill, log, logged, openMenu }) => {
      await visit()
      await fill('#message', 'x'.repeat(64))
      await openMenu('repeat')
      await fill('#repeat-count', String(REPEATED))
      await fill('#repeat-seconds', '0')
      await fill('#repeat-in-flight', String(inFlight))
      await page.click('#repeat-start')
      await logged('Repeat done')
      addRow(
        `echoes per second, ${inFlight} in flight, 64 B`,
        Number(/([\d,]+) per second/.exec(await log())?.[1]?.replaceAll(',', '')),
      )
    })
  }
}

async function measureLighthouse() {
  for (const [kind, config] of Object.entries({ mobile: undefined, desktop: desktopConfig })) {
    await withPage(async ({ page }) => {
      const result = await lighthouse(stack.page, { logLevel: 'silent' }, config, page)
      for (const { title, score } of Object.values(result?.lhr.categories ?? {})) {
        if (score !== null) addRow(`Lighthouse, ${kind}: ${title}`, score * 100)
      }
    })
  }
}

try {
  await measureLoad()
  await measureFlood()
  await measureEchoes()
  await measureLighthouse()
  console.log(formatTable(['page in Chromium', ''], rows))
} finally {
  await stack.down()
}
