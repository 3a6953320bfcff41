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

/** Starts a server and returns its WebSocket address. */
async function serve(listener: RequestListener): Promise<string> {
  server = createServer(listener).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return `ws://127.0.0.1:${(server.address() as AddressInfo).port}/ws?a=b`
}

const pageOrigin = 'http://page.example'

test('reports the status and the body, on one line', async () => {
  const url = await serve((_, response) => response.writeHead(403).end('  no <b>entry</b>\n\tfor  you\n'))
  expect(await askWhy(url, { pageOrigin })).toBe(
    'A plain HTTP request to the same address gets 403 Forbidden: no <b>entry</b> for you',
  )
})

test('reports only the status of an empty response', async () => {
  const url = await serve((_, response) => response.writeHead(503).end())
  expect(await askWhy(url, { pageOrigin })).toBe(
    'A plain HTTP request to the same address gets 503 Service Unavailable',
  )
})

test('does not show the source of a web page', async () => {
  const url = await serve((_, response) =>
    response
      .writeHead(405, { 'Content-Type': 'text/html; charset=utf-8' })
      .end('<html><h1>405 Not Allowed</h1></html>'),
  )
  expect(await askWhy(url, { pageOrigin })).toBe(
    'A plain HTTP request to the same address gets 405 Method Not Allowed and a web page. Perhaps the path is wrong.',
  )
})

test('says that 426 means that a WebSocket server is there', async () => {
  const url = await serve((_, response) => response.writeHead(426).end('use WebSocket'))
  const words = await askWhy(url, { pageOrigin })
  expect(words).toContain('426 Upgrade Required: use WebSocket')
  expect(words).toContain('a WebSocket server is there')
})

test.for([
  ['Basic realm="a, b", charset="UTF-8"', ' (Basic)'],
  ['Bearer', ' (Bearer)'],
  ['Negotiate YWJj=, Digest realm = "a\\", Fake x", nonce=abc,Basic realm=x', ' (Negotiate, Digest, Basic)'],
  [undefined, ''],
] as const)('says that a 401 with the challenge %s asks for credentials%s', async ([challenge, schemes]) => {
  const url = await serve((_, response) =>
    response.writeHead(401, challenge ? { 'WWW-Authenticate': challenge } : {}).end('who?'),
  )
  expect(await askWhy(url, { pageOrigin })).toBe(
    `A plain HTTP request to the same address gets 401 Unauthorized: who?\nThe server asks for credentials${schemes}.`,
  )
})

test('says that a 401 asks for credentials even if its body is a web page', async () => {
  const headers = { 'Content-Type': 'text/html', 'WWW-Authenticate': 'Basic realm="x"' }
  const url = await serve((_, response) => response.writeHead(401, headers).end('<html>'))
  expect(await askWhy(url, { pageOrigin })).toBe(
    'A plain HTTP request to the same address gets 401 Unauthorized and a web page.\n' +
      'The server asks for credentials (Basic).',
  )
})

test.for([
  ['120', '\nTry again in 120 s.'],
  ['Fri, 31 Dec 1999 23:59:59 GMT', '\nTry again after Fri, 31 Dec 1999 23:59:59 GMT.'],
  ['soon', ''],
  ['1', '\nTry again in 1 s.'],
] as const)('says when to try again if Retry-After is %s', async ([retryAfter, expected]) => {
  for (const [status, name] of [
    [429, 'Too Many Requests'],
    [503, 'Service Unavailable'],
  ] as const) {
    const url = await serve((_, response) => response.writeHead(status, { 'Retry-After': retryAfter }).end('later'))
    expect(await askWhy(url, { pageOrigin })).toBe(
      `A plain HTTP request to the same address gets ${status} ${name}: later${expected}`,
    )
    server?.close()
  }
})

test.for([
  [204, 'No Content'],
  [205, 'Reset Content'],
  [304, 'Not Modified'],
] as const)('reports a %s %s, which never has a body', async ([status, name]) => {
  const url = await serve((_, response) => response.writeHead(status).end())
  expect(await askWhy(url, { pageOrigin })).toBe(`A plain HTTP request to the same address gets ${status} ${name}`)
})

test('says that times has run out if the faults of the query are used up', async () => {
  const url = await serve((_, response) =>
    response.writeHead(426).end('The faults of this query are used up.\n\nThis is a WebSocket server. Connect to it'),
  )
  expect(await askWhy(url, { pageOrigin })).toBe(
    'A plain HTTP request to the same address gets 426 Upgrade Required: The faults of this query are used up.\n' +
      'So this handshake was probably among the first connections, to which "times" limits the faults. ' +
      'The next one has none.',
  )
})

test('names the backend of a server that passes WebSockets on to one', async () => {
  const note =
    'This server passes WebSockets on to the backend ws://b:8080, but no plain HTTP requests.\nThe log says why.'
  const url = await serve((_, response) =>
    response.writeHead(426).end(`${note}\n\nThis is a WebSocket server. Connect to it with new WebSocket("ws://a/")`),
  )
  expect(await askWhy(url, { pageOrigin })).toBe(
    `A plain HTTP request to the same address gets 426 Upgrade Required: ${note.replace('\n', ' ')}\n` +
      'The backend probably refused the handshake, or it cannot be reached.',
  )
})

describe('sends a request', () => {
  async function asked(origin: (url: string) => string): Promise<IncomingMessage> {
    let request: IncomingMessage | undefined
    const url = await serve((asking, response) => {
      request = asking
      response.end()
    })
    await askWhy(url, { pageOrigin: origin(url) })
    if (!request) throw new Error('no request arrived')
    return request
  }

  test('with GET and the same path and query', async () => {
    expect(await asked(() => pageOrigin)).toMatchObject({ method: 'GET', url: '/ws?a=b' })
  })

  test('with OPTIONS to the page’s own origin, so that the browser adds an Origin header', async () => {
    expect(await asked(url => new URL(url.replace('ws:', 'http:')).origin)).toMatchObject({ method: 'OPTIONS' })
  })

  test.each([405, 501])('with GET if the page’s own origin answers OPTIONS with %d', async status => {
    const url = await serve((request, response) =>
      request.method === 'OPTIONS'
        ? response.writeHead(status).end('<html>')
        : response.writeHead(404).end(`no ${request.url}`),
    )
    expect(await askWhy(url, { pageOrigin: new URL(url.replace('ws:', 'http:')).origin })).toBe(
      'A plain HTTP request to the same address gets 404 Not Found: no /ws?a=b',
    )
  })

  test('that bypasses the cache and has no credentials', async () => {
    let request: RequestInit | undefined
    const fetch = async (_: unknown, init?: RequestInit) => {
      request = init
      return new Response()
    }
    await askWhy('ws://a.example/', { pageOrigin, fetch })
    expect(request).toMatchObject({ cache: 'no-store', credentials: 'omit' })
  })

  test.each([
    ['ws://a.example/ws', 'http://a.example/ws'],
    ['wss://a.example:8443/', 'https://a.example:8443/'],
  ])('for %s to %s', async (url, target) => {
    let got = ''
    const fetch = async (input: string | URL | Request) => {
      got = String(input)
      return new Response()
    }
    await askWhy(url, { pageOrigin, fetch })
    expect(got).toBe(target)
  })
})

test('says that the address redirects', async () => {
  const opaque = Object.defineProperty(new Response(), 'type', { value: 'opaqueredirect' })
  expect(await askWhy('ws://a.example/', { pageOrigin, fetch: async () => opaque })).toContain('redirect')
})

test('does not follow redirects', async () => {
  const paths: (string | undefined)[] = []
  const url = await serve((request, response) => {
    paths.push(request.url)
    response.writeHead(302, { Location: '/elsewhere' }).end()
  })
  expect(await askWhy(url, { pageOrigin })).toContain('302 Found')
  expect(paths).toEqual(['/ws?a=b'])
})

test('says that the reason is unknown when the request fails', async () => {
  const url = await serve(request => request.socket.destroy())
  expect(await askWhy(url, { pageOrigin })).toContain('reason is unknown')
})

describe('if the page may not read the response', () => {
  const requests: RequestInit[] = []
  const blocked =
    (answers: boolean): typeof fetch =>
    async (_, init) => {
      requests.push(init ?? {})
      if (init?.mode !== 'no-cors' || !answers) throw new TypeError('Failed to fetch')
      return new Response()
    }

  test('it says that a web server answers', async () => {
    expect(await askWhy('ws://a.example/', { pageOrigin, fetch: blocked(true) })).toMatch(
      /^A web server answers at this address, but no WebSocket was opened\./,
    )
    // The standard forbids other redirect modes together with no-cors (Fetch, main fetch).
    expect(requests.at(-1)).toMatchObject({ mode: 'no-cors', credentials: 'omit', cache: 'no-store' })
    expect(requests.at(-1)).not.toHaveProperty('redirect')
  })

  test('it says that probably nothing answers', async () => {
    expect(await askWhy('ws://a.example/', { pageOrigin, fetch: blocked(false) })).toContain('Probably nothing answers')
  })
})

test('says when no response arrives', async () => {
  const url = await serve(() => {})
  expect(await askWhy(url, { pageOrigin, timeout: 50 })).toBe(
    'A plain HTTP request to the same address got no response within 0.05 s either.',
  )
})

describe('the body of the response', () => {
  test('is shown up to 500 characters', async () => {
    const url = await serve((_, response) => response.end('a'.repeat(501)))
    expect(await askWhy(url, { pageOrigin })).toBe(
      `A plain HTTP request to the same address gets 200 OK: ${'a'.repeat(500)}…`,
    )
  })

  test('is read only at its start, even if it never ends', async () => {
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
    expect(await askWhy(url, { pageOrigin })).toBe('A plain HTTP request to the same address gets 200 OK: endless')
    await closed
    expect(isOpen).toBe(false)
  })

  test('is read up to 4 KiB', async () => {
    const url = await serve((_, response) => response.end(`${' '.repeat(4095)}shown`))
    expect(await askWhy(url, { pageOrigin })).toBe('A plain HTTP request to the same address gets 200 OK: s')
  })

  test('is shown up to where it stalled', async () => {
    const url = await serve((_, response) => response.writeHead(403).write('not you'))
    expect(await askWhy(url, { pageOrigin, timeout: 200 })).toBe(
      'A plain HTTP request to the same address gets 403 Forbidden: not you',
    )
  })
})
