import type { Browser, Page } from 'puppeteer-core'
import { beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { startServer } from '../integration/serve.ts'
import { browserNames, findBrowser, launchBrowser } from './browser.ts'

// The reactions of browsers in docs/faults.md.
describe.for(browserNames.filter(findBrowser))('a WebSocket in %s', name => {
  let browser: Browser
  let page: Page
  let address: string

  beforeAll(async () => {
    const { server, url } = await startServer()
    address = url
    browser = await launchBrowser(name)
    return async () => {
      await browser.close()
      await server.close()
    }
  })

  beforeEach(async () => {
    const context = await browser.createBrowserContext()
    page = await context.newPage()
    await page.goto(address.replace('ws:', 'http:'))
    return () => context.close()
  })

  /** Resolves with the first message, or with the close code. */
  const connect = (query: string, credentials = '') =>
    page.evaluate(
      url =>
        new Promise<string | number>(resolve => {
          const socket = new WebSocket(url)
          socket.onopen = () => socket.send('hello')
          socket.onmessage = ({ data }) => resolve(data)
          socket.onclose = ({ code }) => resolve(code)
        }),
      `${address}raw?${query}`.replace('ws://', `ws://${credentials}`),
    )

  const headersOf = async (query: string): Promise<Record<string, string>> =>
    Object.fromEntries(JSON.parse(String(await connect(query))).headers)

  test.for(['redirect=302&location=/raw', 'redirect=307&location=/raw', 'auth=bearer:token'])(
    'fails with 1006: ?%s',
    async query => {
      expect(await connect(query)).toBe(1006)
    },
  )

  test('does not try again after a 429', async () => {
    expect(await connect(`reject=429&retry-after=1s&times=1&key=${name}`)).toBe(1006)
  })

  test('sends credentials from its address, and remembers them', async () => {
    expect(await connect('auth=basic:user:password')).toBe(1006)
    expect(await connect('auth=basic:user:password', 'user:password@')).toBe('hello')
    expect(await connect('auth=basic:user:password')).toBe('hello')
  })

  test('keeps a cookie of the 101', async () => {
    expect(await connect('header=Set-Cookie:a=1')).toBe('hello')
    expect(await headersOf('hello')).toMatchObject({ Cookie: 'a=1' })
  })
})
