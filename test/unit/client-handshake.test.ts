import { once } from 'node:events'
import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, describe, expect, test } from 'vitest'
import { askWhy } from '../../client/core/handshake.ts'

let server: Server | undefined

afterEach(() => {
  server?.closeAllConnections()
  server?.close()
})

/** Starts a server and gives the WebSocket address of it. */
async function serve(listener: RequestListener): Promise<string> {
  server = createServer(listener).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return `ws://127.0.0.1:${(server.address() as AddressInfo).port}/ws?a=b`
}

const pageOrigin = 'http://page.example'

test('gives the status and what the server says, on one line', async () => {
  const url = await serve((_, response) => response.writeHead(403).end('  no <b>entry</b>\n\tfor  you\n'))
  expect(await askWhy(url, { pageOrigin })).toBe('The same address answers 403 Forbidden: no <b>entry</b> for you')
})

test('gives the status alone where the server says nothing', async () => {
  const url = await serve((_, response) => response.writeHead(503).end())
  expect(await askWhy(url, { pageOrigin })).toBe('The same address answers 503 Service Unavailable')
})

test('says of a 426 that a server is there, and the reason is the browser’s', async () => {
  const url = await serve((_, response) => response.writeHead(426).end('use WebSocket'))
  const words = await askWhy(url, { pageOrigin })
  expect(words).toContain('426 Upgrade Required: use WebSocket')
  expect(words).toContain('a server is there')
})

describe('asks', () => {
  async function asked(origin: (url: string) => string): Promise<IncomingMessage> {
    let request: IncomingMessage | undefined
    const url = await serve((asking, response) => {
      request = asking
      response.end()
    })
    await askWhy(url, { pageOrigin: origin(url) })
    if (!request) throw new Error('nothing was asked')
    return request
  }

  test('the same path and query by GET', async () => {
    expect(await asked(() => pageOrigin)).toMatchObject({ method: 'GET', url: '/ws?a=b' })
  })

  test('by OPTIONS at the page’s own origin, which a browser tells the server then', async () => {
    expect(await asked(url => new URL(url.replace('ws:', 'http:')).origin)).toMatchObject({ method: 'OPTIONS' })
  })

  test('the server, not a cache', async () => {
    let cache: RequestCache | undefined
    const fetch = async (_: unknown, init?: RequestInit) => {
      cache = init?.cache
      return new Response()
    }
    await askWhy('ws://a.example/', { pageOrigin, fetch })
    expect(cache).toBe('no-store')
  })

  test.each([
    ['ws://a.example/ws', 'http://a.example/ws'],
    ['wss://a.example:8443/', 'https://a.example:8443/'],
  ])('%s at %s', async (url, target) => {
    let got = ''
    const fetch = async (input: string | URL | Request) => {
      got = String(input)
      return new Response()
    }
    await askWhy(url, { pageOrigin, fetch })
    expect(got).toBe(target)
  })
})

test('says that a redirect is not followed', async () => {
  const opaque = Object.defineProperty(new Response(), 'type', { value: 'opaqueredirect' })
  expect(await askWhy('ws://a.example/', { pageOrigin, fetch: async () => opaque })).toContain('redirect')
})

test('follows no redirect', async () => {
  const paths: (string | undefined)[] = []
  const url = await serve((request, response) => {
    paths.push(request.url)
    response.writeHead(302, { Location: '/elsewhere' }).end()
  })
  expect(await askWhy(url, { pageOrigin })).toContain('302 Found')
  expect(paths).toEqual(['/ws?a=b'])
})

test('says plainly that it can not be known where asking fails', async () => {
  const url = await serve(request => request.socket.destroy())
  expect(await askWhy(url, { pageOrigin })).toContain("can't be known")
})

test('says so when no answer comes', async () => {
  const url = await serve(() => {})
  expect(await askWhy(url, { pageOrigin, timeout: 50 })).toBe(
    "The same address didn't answer a plain request within 0.05 s either.",
  )
})

describe('of what the server says', () => {
  test('shows 500 characters', async () => {
    const url = await serve((_, response) => response.end('a'.repeat(501)))
    expect(await askWhy(url, { pageOrigin })).toBe(`The same address answers 200 OK: ${'a'.repeat(500)}…`)
  })

  test('reads no more than the start, also where it never ends', async () => {
    let isOpen = true
    const url = await serve((_, response) => {
      response.on('close', () => {
        isOpen = false
      })
      const write = () => {
        while (isOpen && response.write(' '.repeat(1000)));
      }
      response.on('drain', write)
      response.write('endless')
      write()
    })
    const closed = server && once(server, 'request').then(([, response]) => once(response, 'close'))
    expect(await askWhy(url, { pageOrigin })).toBe('The same address answers 200 OK: endless')
    await closed
    expect(isOpen).toBe(false)
  })

  test('reads 4 KiB', async () => {
    const url = await serve((_, response) => response.end(`${' '.repeat(4095)}shown`))
    expect(await askWhy(url, { pageOrigin })).toBe('The same address answers 200 OK: s')
  })

  test('shows what came before it stalled', async () => {
    const url = await serve((_, response) => response.writeHead(403).write('not you'))
    expect(await askWhy(url, { pageOrigin, timeout: 200 })).toBe('The same address answers 403 Forbidden: not you')
  })
})
