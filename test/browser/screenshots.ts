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
  async message({ page, openPart, says }) {
    await page.click('#log li:last-child .words')
    await openPart('message')
    await says('#message-text', '"ping"')
    await page.hover('#log li:nth-child(4)')
  },
  async draft({ fill, says }) {
    await fill('#message', '{"type":"subscribe","channels":["market.orders.0","market.orders.1","market.orders.2"]}')
    await says('#size', 'valid JSON')
  },
  async faults({ page, fill, says, openPart, logged }) {
    await openPart('faults')
    await fill('#faults [name=delay]', '250ms')
    await fill('#faults [name=loss]', '110%')
    await page.click('#faults [type=submit]')
    await says('#hint-loss', 'Expected a share')
    await logged('110%')
  },
  async connection({ page, fill, openPart, inState }) {
    await page.click('#clear-faults')
    await page.click('#faults [type=submit]')
    await inState('Connected')
    await openPart('connection')
    await fill('#close-code', '1')
  },
  async chart({ page, fill, says, logged, openPart, openMenu }) {
    await fill('#close-code', '1000')
    await openPart('chart')
    if (await page.$eval('#side', side => getComputedStyle(side).position === 'fixed')) await page.click('#side-close')
    await openMenu('repeat')
    await fill('#message', 'again')
    await fill('#repeat-count', '1000')
    await fill('#repeat-seconds', '0.004')
    await page.click('#repeat-start')
    await logged('Repeat done')
    await page.keyboard.press('Escape')
    await openPart('chart')
    await says('#p50', 'ms')
  },
  async menu({ page, fill, says, chooseFormat, openMenu }) {
    await page.click('#side-toggle')
    await chooseFormat('hex')
    await fill('#message', '68 65 6c 6c 6x')
    await says('#message-problem', 'hex')
    await openMenu('saved')
    await fill('#save-name', 'greeting')
    await page.click('#save button')
  },
  async edited({ page, fill }) {
    await page.keyboard.press('Escape')
    await fill('#url', 'ws://example.com/feed')
  },
  async tabs({ page, connectTo, logged, openPart }) {
    await page.click('#new-tab')
    await openPart('connection')
    await page.click('#reconnect')
    await page.click('#side-toggle')
    await connectTo('ws://localhost:1/')
    await logged('reason is unknown')
  },
  async disconnected({ page, inState }) {
    await page.click('#disconnect')
    await inState('Disconnected')
  },
  async error({ page, fill, says }) {
    await fill('#url', 'ws://localhost:99999/')
    await page.click('#connect')
    await says('#address-problem', '99999')
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
