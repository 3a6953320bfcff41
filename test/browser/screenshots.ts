import { fileURLToPath } from 'node:url'
import type { Page } from 'puppeteer-core'
import sirv from 'sirv'
import { parseConfig } from '../../server/config.ts'
import { createLogger } from '../../server/log.ts'
import { createServer } from '../../server/server.ts'
import { launchBrowser } from './browser.ts'

const folder = fileURLToPath(new URL('screenshots/', import.meta.url))
const dist = fileURLToPath(new URL('../../client/dist', import.meta.url))

const config = parseConfig({ HOST: '127.0.0.1', PORT: '0' })
const server = createServer({ ...config, logger: createLogger('silent', 'json'), page: sirv(dist) })
const { port } = await server.listen()
// The pictures show the address that people use, whatever port was free.
const browser = await launchBrowser('chrome', { args: [`--host-resolver-rules=MAP localhost:80 127.0.0.1:${port}`] })

const inState = (page: Page, state: string) =>
  page.waitForFunction((state: string) => document.querySelector('#status')?.textContent === state, {}, state)

const lines = (page: Page, count: number) =>
  page.waitForFunction((count: number) => document.querySelectorAll('#log li').length >= count, {}, count)

/** The states of the page that are pictured, each from the one before. */
const states: Record<string, (page: Page) => Promise<unknown>> = {
  async empty(page) {
    await page.goto('http://localhost/')
    await inState(page, 'Connected')
  },
  async conversation(page) {
    for (const [i, text] of ['hello', 'naïve Ωμέγα 👋', '{"type":"ping","id":42}'].entries()) {
      await page.type('#message', text)
      await page.keyboard.press('Enter')
      await lines(page, 3 + 2 * i)
    }
  },
  async disconnected(page) {
    await page.click('#disconnect')
    await inState(page, 'Disconnected')
  },
  async error(page) {
    await page.$eval('#url', field => {
      ;(field as HTMLInputElement).value = 'localhost:7777'
    })
    await page.click('#connect')
    await lines(page, 9)
  },
}

for (const scheme of ['light', 'dark']) {
  for (const [size, viewport] of Object.entries({
    wide: { width: 1280, height: 800 },
    narrow: { width: 360, height: 740 },
  })) {
    const page = await browser.newPage()
    await page.setViewport({ ...viewport, deviceScaleFactor: size === 'wide' ? 1 : 2 })
    await page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: scheme }])
    for (const [state, enter] of Object.entries(states)) {
      await enter(page)
      await page.screenshot({ path: `${folder}${state}-${size}-${scheme}.png` })
    }
    await page.close()
  }
}

await browser.close()
await server.close()
