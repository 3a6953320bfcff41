import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { fileURLToPath } from 'node:url'
import type * as SignalR from '@microsoft/signalr'
import type { Browser, Page } from 'puppeteer-core'
import { beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { startServer } from '../integration/serve.ts'
import { browserNames, findBrowser, launchBrowser } from './browser.ts'

const bundle = fileURLToPath(import.meta.resolve('@microsoft/signalr/dist/browser/signalr.js'))

type Transport = 'WebSockets' | 'ServerSentEvents' | 'LongPolling'

/** Serves an empty page, and resolves with its origin. */
async function servePage() {
  const http = createServer((_, response) => response.writeHead(200, { 'Content-Type': 'text/html' }).end('<title>A'))
  await new Promise<void>(resolve => http.listen(0, '127.0.0.1', resolve))
  return { origin: `http://127.0.0.1:${(http.address() as AddressInfo).port}`, close: () => http.close() }
}

describe.for(browserNames.filter(findBrowser))('SignalR on a page of another origin, in %s', name => {
  let browser: Browser
  let page: Page
  let hub: string
  let origin: string

  beforeAll(async () => {
    const pages = await servePage()
    origin = pages.origin
    const { server, http } = await startServer({ ALLOWED_ORIGINS: origin })
    hub = `${http}signalr`
    browser = await launchBrowser(name)
    return async () => {
      await browser.close()
      await server.close()
      pages.close()
    }
  })

  beforeEach(async () => {
    const context = await browser.createBrowserContext()
    page = await context.newPage()
    await page.goto(origin)
    await page.addScriptTag({ path: bundle })
    return () => context.close()
  })

  /** Runs in the page. Resolves with everything that the client has seen, or with its error. */
  const converse = (query: string, transport: Transport, skipNegotiation = false) =>
    page.evaluate(
      async (url, transport, skipNegotiation) => {
        const { HttpTransportType, HubConnectionBuilder } = (globalThis as unknown as { signalR: typeof SignalR })
          .signalR
        const client = new HubConnectionBuilder()
          .withUrl(url, { transport: HttpTransportType[transport], skipNegotiation })
          .withAutomaticReconnect([0, 0, 100])
          .build()
        const handled: unknown[] = []
        client.on('Send', (...args) => handled.push(args))
        const reconnected = new Promise<void>(resolve => client.onreconnected(() => resolve()))
        try {
          await client.start()
          const result = await client.invoke('Send', 'hello', { a: 1 })
          if (url.includes('close')) await reconnected
          const items: unknown[] = []
          await new Promise<void>((complete, error) =>
            client.stream('Counter', 3, 1).subscribe({ next: item => items.push(item), complete, error }),
          )
          await client.stop()
          return { handled, result, items }
        } catch (error) {
          return String(error)
        }
      },
      hub + query,
      transport,
      skipNegotiation,
    )

  const conversation = { handled: [['hello', { a: 1 }]], result: '[RE]: hello', items: [0, 1, 2] }

  describe.for(['WebSockets', 'ServerSentEvents', 'LongPolling'] as const)('over %s', transport => {
    test('the client invokes, is called, and streams', async () => {
      expect(await converse('', transport)).toEqual(conversation)
    })

    test('the client reconnects after close', async () => {
      expect(await converse(`?close=1011&after=1&times=1&key=${transport}`, transport)).toEqual(conversation)
    })
  })

  test('the client connects without negotiation', async () => {
    expect(await converse('', 'WebSockets', true)).toEqual(conversation)
  })

  test('the client learns the status of a refused negotiation', async () => {
    expect(await converse('?reject=503', 'LongPolling')).toContain("Status code '503'")
  })

  test('a page of an origin that is not allowed cannot connect', async () => {
    await page.goto(origin.replace('127.0.0.1', 'localhost'))
    await page.addScriptTag({ path: bundle })
    expect(await converse('', 'LongPolling')).toContain('Failed to complete negotiation')
  })
})
