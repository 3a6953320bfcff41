import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import type { Browser, BrowserContext, HTTPRequest } from 'puppeteer-core'

declare global {
  interface Window {
    axe: typeof import('axe-core')
  }
}

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

/** Chromium aborts requests when a network interface appears or disappears, as happens when containers start or stop. */
const isInterruption = (problem = '') => problem.includes('ERR_NETWORK_CHANGED')

const parts = ['message', 'connection', 'faults', 'chart'] as const
type Part = (typeof parts)[number]

export type Tester = Awaited<ReturnType<typeof openTester>>

/** Opens a page in a browser, and returns the actions and observations of a user. */
export async function openTester(browser: Browser | BrowserContext, address: string) {
  const page = await browser.newPage()
  // Puppeteer gives up after 30 s, which is short for 100,000 lines on a busy machine. The test itself has a limit.
  page.setDefaultTimeout(0)
  await page.setViewport({ width: 1280, height: 800 })
  const complaints: string[] = []
  page.on('console', message => {
    if (['error', 'warn'].includes(message.type()) && !isInterruption(message.text())) complaints.push(message.text())
  })
  page.on('pageerror', error => complaints.push(String(error)))

  const text = (selector: string) => page.$eval(selector, element => element.textContent ?? '')
  /** Waits until the text of an element contains `part`. */
  const says = (selector: string, part: string) =>
    page.waitForFunction(
      (selector: string, part: string) => document.querySelector(selector)?.textContent?.includes(part) === true,
      {},
      selector,
      part,
    )
  const logged = (part: string) => says('#log', part)
  const inState = (state: string) => says('#status', state)

  /** Loads the page again until no request was interrupted. */
  const open = async (url: string): Promise<unknown> => {
    let isInterrupted = false
    const notice = (request: HTTPRequest) => {
      isInterrupted ||= isInterruption(request.failure()?.errorText)
    }
    page.on('requestfailed', notice)
    try {
      await page.goto(url)
    } catch (error) {
      if (!isInterruption(String(error))) throw error
      isInterrupted = true
    } finally {
      page.off('requestfailed', notice)
    }
    return isInterrupted ? open(url) : undefined
  }

  /** Sets the value of a field and dispatches the events of typing. */
  const fill = (selector: string, value: string) =>
    page.$eval(
      selector,
      (field, value) => {
        ;(field as HTMLInputElement).value = value
        field.dispatchEvent(new Event('input', { bubbles: true }))
        field.dispatchEvent(new Event('change', { bubbles: true }))
      },
      value,
    )

  const isSheet = () => page.$eval('#side', side => getComputedStyle(side).position === 'fixed')

  /** Opens a tab of the side panel. */
  const openPart = async (part: Part) => {
    if (await page.$eval('#side', side => (side as HTMLElement).hidden)) await page.click('#side-toggle')
    await page.click(`#${part}-tab`)
    // The contents are loaded on demand.
    await page.waitForSelector('#code-view')
    if (part === 'faults') await page.waitForSelector('#faults [name]')
    if (part === 'chart') await page.waitForSelector('#plot canvas')
  }

  /** Opens a menu. It is loaded on demand. */
  const openMenu = async (menu: 'saved' | 'repeat' | 'export') => {
    await page.click(`#${menu}-toggle`)
    await page.waitForSelector(`#${menu}:popover-open`)
  }

  return {
    page,
    openMenu,
    /** Warnings and errors of the browser's console. */
    complaints,
    text,
    says,
    logged,
    inState,
    log: () => page.$eval('#log', element => element.textContent ?? ''),
    typed: () => page.$eval('#message', field => (field as HTMLTextAreaElement).value),
    isHidden: (selector: string) => page.$eval(selector, element => (element as HTMLElement).offsetParent === null),

    async visit(fragment = '') {
      await open(address + fragment)
      await inState('Connected')
    },

    async send(text: string) {
      await page.type('#message', text)
      await page.keyboard.press('Enter')
    },

    fill,

    async connectTo(url: string) {
      if (!(await page.$eval('#disconnect', button => (button as HTMLElement).hidden))) {
        await page.click('#disconnect')
        await inState('Disconnected')
      }
      await fill('#url', url)
      await page.click('#connect')
    },

    openPart,
    chooseFormat: (format: string) => page.click(`#formats [value=${format}]`),
    chooseKind: (kind: string) => page.click(`#kinds [value=${kind}]`),

    /** Opens each part of the page that is closed at first, and calls `look` after each. */
    async openAll(look: () => Promise<unknown> = async () => {}) {
      for (const part of parts) {
        await openPart(part)
        await look()
      }
      if (await isSheet()) await page.click('#side-close')
      for (const menu of ['saved', 'repeat', 'export'] as const) {
        await openMenu(menu)
        await look()
        await page.keyboard.press('Escape')
      }
    },

    /** Clicks a button that saves a file, and returns its content and its name. */
    saved: (selector: string) =>
      page.evaluate(async selector => {
        const blob = Promise.withResolvers<Blob>()
        const create = URL.createObjectURL
        const click = HTMLAnchorElement.prototype.click
        let name = ''
        URL.createObjectURL = object => {
          blob.resolve(object as Blob)
          return create.call(URL, object)
        }
        HTMLAnchorElement.prototype.click = function () {
          name = this.download
        }
        ;(document.querySelector(selector) as HTMLElement).click()
        const text = await (await blob.promise).text()
        Object.assign(URL, { createObjectURL: create })
        Object.assign(HTMLAnchorElement.prototype, { click })
        return { text, name }
      }, selector),

    async violations() {
      await page.evaluate(axe)
      const found = await page.evaluate(() => window.axe.run())
      return found.violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' ')}`)
    },
  }
}
