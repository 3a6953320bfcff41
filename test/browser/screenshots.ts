import { fileURLToPath } from 'node:url'
import { parseConfig } from '../../server/config/config.ts'
import { Registry } from '../../server/http/registry.ts'
import { createServer } from '../../server/http/server.ts'
import { createLogger } from '../../server/log.ts'
import { createPage } from '../../server/page.ts'
import { launchBrowser } from './browser.ts'
import { openTester, type Tester } from './tester.ts'

const folder = fileURLToPath(new URL('screenshots/', import.meta.url))
const dist = fileURLToPath(new URL('../../client/dist', import.meta.url))

const config = parseConfig({ HOST: '127.0.0.1', PORT: '0' })
const server = createServer({
  registry: new Registry(config),
  ...config,
  logger: createLogger('silent', 'json', { write() {} }),
  page: createPage(dist, {}),
})
const { port } = await server.listen()
// The pictures show http://localhost/ although the server listens on a random port.
const browser = await launchBrowser('chrome', { args: [`--host-resolver-rules=MAP localhost:80 127.0.0.1:${port}`] })

/** The states of the page to capture. Each starts from the one before. */
const states: Record<string, (tester: Tester) => Promise<unknown>> = {
  empty: ({ visit }) => visit(),
  async conversation({ send, logged }) {
    for (const text of ['hello', 'naïve Ωμέγα 👋', '{"type":"ping","id":42}']) {
      await send(text)
      await logged(`[RE]: ${text}`)
    }
  },
  async tools({ page, fill, says }) {
    for (const button of ['#options-toggle', '#facts-toggle', '#more', '#saved-toggle']) await page.click(button)
    await page.select('#format', 'hex')
    await fill('#save-name', 'greeting')
    await page.click('#save button')
    await fill('#message', '68 65 6c 6c 6')
    await says('#message-problem', 'hex')
  },
  async burst({ page, fill, says, logged }) {
    for (const button of ['#options-toggle', '#facts-toggle', '#saved-toggle']) await page.click(button)
    await page.select('#format', 'text')
    await fill('#message', '')
    for (const button of ['#burst-toggle', '#chart-toggle']) await page.click(button)
    await fill('#burst-rate', '250')
    await page.click('#burst-start')
    await logged('Burst done')
    await says('#p50', 'ms')
  },
  async faults({ page, fill, says, logged }) {
    for (const button of ['#burst-toggle', '#chart-toggle', '#more', '#faults-toggle']) await page.click(button)
    await fill('#faults [name=delay]', '250ms')
    await fill('#faults [name=loss]', '110%')
    await page.click('#faults button')
    await logged('a share from 0 to 1')
    await says('#status', 'Disconnected')
  },
  async tabs({ page, connectTo, logged }) {
    for (const button of ['#faults-toggle', '#new-tab']) await page.click(button)
    await page.click('#options-toggle')
    await page.click('#reconnect')
    await page.click('#options-toggle')
    await connectTo('ws://localhost:1/')
    await logged('reason is unknown')
  },
  async disconnected({ page, inState }) {
    await page.click('#disconnect')
    await inState('Disconnected')
  },
  async error({ connectTo, logged }) {
    await connectTo('localhost:7777')
    await logged('is not a WebSocket address')
  },
}

for (const scheme of ['light', 'dark']) {
  for (const [size, viewport] of Object.entries({
    wide: { width: 1280, height: 800 },
    narrow: { width: 360, height: 740 },
  })) {
    const context = await browser.createBrowserContext()
    const tester = await openTester(context, 'http://localhost/')
    await tester.page.setViewport({ ...viewport, deviceScaleFactor: size === 'wide' ? 1 : 2 })
    await tester.page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: scheme }])
    for (const [state, enter] of Object.entries(states)) {
      await enter(tester)
      await tester.page.screenshot({ path: `${folder}${state}-${size}-${scheme}.png`, fullPage: true })
    }
    await context.close()
  }
}

await browser.close()
await server.close()
