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

  /** Resolves with the events of a WebSocket, up to its close or its first message. */
  const eventsOf = (query: string, protocols: string[]) =>
    page.evaluate(
      (url, protocols) =>
        new Promise<string[]>(resolve => {
          const events: string[] = []
          const socket = new WebSocket(url, protocols)
          socket.onopen = () => {
            events.push(`open ${socket.protocol}`)
            socket.send('hello')
          }
          socket.onerror = () => events.push('error')
          socket.onmessage = ({ data }) => resolve([...events, data])
          socket.onclose = ({ code, wasClean }) => resolve([...events, `${code} ${wasClean}`])
        }),
      `${address}raw?${query}`,
      protocols,
    )

  const failed = ['error', '1006 false']
  test.for([
    ['handshake=wrong-subprotocol', [], failed, ['open ', 'hello']],
    ['handshake=wrong-subprotocol', ['a'], failed, failed],
    ['subprotocol=', ['a'], failed, ['open ', 'hello']],
    ['corrupt=mask&after=0', [], ['open ', ...failed], ['open ', 'hello']],
    ['corrupt=close-code&after=0', [], ['open ', ...failed], ['open ', '1005 true']],
    ['corrupt=close-1&after=0', [], ['open ', ...failed], ['open ', '1005 true']],
    ['corrupt=close-utf8&after=0', [], ['open ', ...failed], ['open ', ...failed]],
  ] as const)('reacts as documented to ?%s with the subprotocols %j', async ([query, protocols, chrome, firefox]) => {
    expect(await eventsOf(query, [...protocols])).toEqual(name === 'chrome' ? chrome : firefox)
  })

  test('keeps a cookie of the 101', async () => {
    expect(await connect('header=Set-Cookie:a=1')).toBe('hello')
    expect(await headersOf('hello')).toMatchObject({ Cookie: 'a=1' })
  })
})
