import { once } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { connect } from 'node:net'
import { expect, test } from 'vitest'
import { closePayload, connectRaw, frame, handshake, opcodes } from '../suite/raw-client.ts'
import { serve } from './serve.ts'

test('GET /healthz is 200', async () => {
  const { http } = await serve()
  const response = await fetch(`${http}healthz`)
  expect(response.status).toBe(200)
  expect(await response.text()).toBe('ok\n')
  expect(response.headers.get('access-control-allow-origin')).toBe('*')
})

test.for(['GET', 'POST', 'DELETE'])('a plain %s is answered with 426 and instructions', async method => {
  const { http, port } = await serve()
  const response = await fetch(`${http}some/path?q=1`, { method })
  expect(response.status).toBe(426)
  expect(response.headers.get('upgrade')).toBe('websocket')
  expect(response.headers.get('access-control-allow-origin')).toBe('*')
  expect(await response.text()).toContain(`new WebSocket("ws://127.0.0.1:${port}/some/path?q=1")`)
})

test.for([
  ['127.0.0.1', 'wss'],
  ['192.0.2.1', 'ws'],
] as const)('behind TLS, the 426 names the secure address if the proxy is trusted: %s', async ([proxies, scheme]) => {
  const { http, port } = await serve({ TRUSTED_PROXIES: proxies })
  const response = await fetch(http, { headers: { 'X-Forwarded-Proto': 'https' } })
  expect(await response.text()).toContain(`new WebSocket("${scheme}://127.0.0.1:${port}/")`)
})

test('a plain request for a file of the page gets it, any other gets the 426', async () => {
  const { http } = await serve(
    {},
    { page: (request, response, next) => (request.url === '/' ? response.end('page') : next()) },
  )
  expect(await (await fetch(http)).text()).toBe('page')
  expect((await fetch(`${http}else`)).status).toBe(426)
  expect((await fetch(`${http}healthz`)).status).toBe(200)
})

test.for([
  ['no key', { 'Sec-WebSocket-Key': '' }],
  ['a key of the wrong length', { 'Sec-WebSocket-Key': 'c2hvcnQ=' }],
  ['an old version', { 'Sec-WebSocket-Version': '7' }],
  ['a broken subprotocol list', { 'Sec-WebSocket-Protocol': 'a b' }],
  ['a subprotocol list without elements', { 'Sec-WebSocket-Protocol': ' , ,' }],
  ['an empty extension list', { 'Sec-WebSocket-Extensions': '' }],
  ['a version in hexadecimal', { 'Sec-WebSocket-Version': '0xd' }],
  ['a broken extension', { 'Sec-WebSocket-Extensions': 'permessage-deflate; server_max_window_bits=16' }],
] as const)('a handshake with %s is refused with 400', async ([, headers]) => {
  const { url } = await serve()
  const { head } = await connectRaw(url, headers)
  expect(head).toMatch(/^HTTP\/1.1 400 /)
})

test('an incomplete handshake is answered with 408 after a while', async () => {
  const { url, port } = await serve({}, { handshakeTimeout: 100 })
  const socket = connect(port, '127.0.0.1')
  socket.write(`GET / HTTP/1.1\r\nHost: ${new URL(url).host}\r\nUpgrade: web`)
  const chunks = await Array.fromAsync(socket)
  expect(Buffer.concat(chunks).toString()).toMatch(/^HTTP\/1.1 408 /)
})

test('a request in absolute form is answered by its path', async () => {
  const { port } = await serve()
  const bodyOf = async (target: string) => {
    const socket = connect(port, '127.0.0.1')
    socket.write(`GET ${target} HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n`)
    return Buffer.concat(await Array.fromAsync(socket)).toString()
  }
  expect(await bodyOf('http://a.example/healthz')).toMatch(/^HTTP\/1.1 200 /)
  expect(await bodyOf('http://a.example/raw?x')).toContain('new WebSocket("ws://a.example/raw?x")')
})

test('HTTP/1.0 cannot upgrade', async () => {
  const { url, port } = await serve()
  const socket = connect(port, '127.0.0.1')
  socket.write(
    `${handshake(url).replace('HTTP/1.1', 'HTTP/1.0').replace('Connection: Upgrade', 'Connection: Upgrade, close')}\r\n`,
  )
  expect(Buffer.concat(await Array.fromAsync(socket)).toString()).toMatch(/^HTTP\/1.1 426 /)
})

test('during shutdown, a request that is under way is answered with 503', async () => {
  const { server, url, port } = await serve({ SHUTDOWN_TIMEOUT: '10s' })
  const { socket: peer, frame: nextFrame } = await connectRaw(url)
  const late = await Promise.all(
    ['/', '/healthz'].map(async path => {
      const socket = connect(port, '127.0.0.1')
      await once(socket, 'connect')
      socket.write(`GET ${path} HTTP/1.1\r\nHost: x\r\n`)
      return socket
    }),
  )
  await fetch(`http://127.0.0.1:${port}/healthz`)
  const closed = server.close()
  expect((await nextFrame()).opcode).toBe(opcodes.close)
  for (const socket of late) {
    socket.write('\r\n')
    const [answer] = await once(socket, 'data')
    expect(String(answer)).toMatch(/^HTTP\/1.1 503 /)
  }
  peer.write(frame(opcodes.close, closePayload(1001)))
  await closed
})

/** Sends requests over one connection. Resolves with everything received when it ends, or when it is enough. */
async function ask(port: number, requests: string, isEnough = (_answers: string) => false): Promise<string> {
  const socket = connect(port, '127.0.0.1')
  socket.on('error', () => {})
  socket.write(requests)
  let answers = ''
  socket.on('data', chunk => {
    answers += chunk.toString('latin1')
    if (isEnough(answers)) socket.destroy()
  })
  await once(socket, 'close')
  return answers
}

test.for([
  ['a handshake', 'Upgrade: websocket\r\nConnection: Upgrade\r\n'],
  ['a plain request', ''],
] as const)('%s with two Host headers is refused with 400', async ([, headers]) => {
  const { port } = await serve()
  const answer = await ask(port, `GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n${headers}\r\n`)
  expect(answer).toMatch(/^HTTP\/1.1 400 /)
  expect(answer).toContain('Host is given more than once')
})

test('empty elements in the lists of a handshake are ignored', async () => {
  const { url } = await serve()
  const { head } = await connectRaw(url, {
    'Sec-WebSocket-Protocol': ',a, ,b,',
    'Sec-WebSocket-Extensions': ', permessage-deflate,',
  })
  expect(head).toContain('Sec-WebSocket-Protocol: a\r\n')
  expect(head).toContain('Sec-WebSocket-Extensions: permessage-deflate;')
})

test('an empty Sec-WebSocket-Protocol offers no subprotocol', async () => {
  const { url } = await serve()
  for (const value of ['', ' ']) {
    const { head } = await connectRaw(url, { 'Sec-WebSocket-Protocol': value })
    expect(head).toMatch(/^HTTP\/1.1 101 /)
    expect(head).not.toContain('Sec-WebSocket-Protocol')
  }
})

const KEY = 'dGhlIHNhbXBsZSBub25jZQ=='

test.for([
  [
    'HTTP/1.1',
    `Connection: close\r\nSec-WebSocket-Key: ${KEY}\r\nSec-WebSocket-Version: 13\r\n`,
    'no "Upgrade: websocket" header arrived',
    ['Connection: close', `Sec-WebSocket-Key: ${KEY}`, 'Sec-WebSocket-Version: 13'],
  ],
  ['HTTP/1.1', '', 'no "Upgrade: websocket" header arrived', ['none']],
  ['HTTP/1.1', 'Upgrade: h2c\r\n', 'no "Upgrade: websocket" header arrived', ['Upgrade: h2c']],
  [
    'HTTP/1.1',
    'Upgrade: websocket\r\nConnection: close\r\n',
    'no "Connection: Upgrade" header arrived',
    ['Connection: close', 'Upgrade: websocket'],
  ],
  [
    'HTTP/1.0',
    'Upgrade: websocket\r\nConnection: Upgrade, close\r\n',
    'it came as HTTP/1.0, which cannot upgrade',
    ['Connection: Upgrade, close', 'Upgrade: websocket'],
  ],
] as const)('the 426 says why the request is not a handshake: %s %j', async ([version, headers, problem, arrived]) => {
  const { port } = await serve()
  const answer = await ask(port, `GET /raw ${version}\r\nHost: a\r\n${headers}\r\n`)
  expect(answer).toMatch(/^HTTP\/1.1 426 /)
  expect(answer.split('\r\n\r\n')[1]).toBe(`This is a WebSocket server. Connect to it with new WebSocket("ws://a/raw")

This request is not a WebSocket handshake: ${problem}.
If the client sent a handshake, a proxy on the way changed it. It must speak HTTP/1.1 and pass on Upgrade and Connection.

Headers of a handshake that arrived:
${arrived.map(line => `  ${line}\n`).join('')}`)
})

test('a page over TLS is given the secure address, even if no proxy says so', async () => {
  const { http } = await serve()
  const response = await fetch(http, { headers: { Origin: 'https://page.example' } })
  expect(await response.text()).toContain('new WebSocket("wss://')
})

test('an answer escapes characters that control a terminal', async () => {
  const { port } = await serve()
  const steering = encodeURIComponent('\u009b31m\u202e\u200b\u2028\u001b')
  const answer = await ask(port, `GET /?loss=${steering} HTTP/1.1\r\nHost: a\r\n\r\n`)
  expect(answer).toContain('\\x9b31m')
  for (const code of ['u202e', 'u200b', 'u2028', 'x1b']) expect(answer).toContain(code)
  expect(answer).toMatch(/^[\r\n -~]*$/)
})

test('an invalid query is answered with its first ten problems, each cut', async () => {
  const { port } = await serve()
  const query = Array.from({ length: 200 }, (_, i) => `wrong${i}=${'x'.repeat(20)}`).join('&')
  const answer = await ask(port, `GET /?loss=2&long=${'y'.repeat(3000)}&${query} HTTP/1.1\r\nHost: a\r\n\r\n`)
  expect(answer).toContain('and 192 more')
  expect(answer.length).toBeLessThan(6000)
})

const pageOf = (body: string) => ({
  page: (request: IncomingMessage, response: ServerResponse, next: () => void) =>
    request.url?.startsWith('/else') ? next() : response.end(body),
})

test('the page is served whatever its query or the default faults', async () => {
  const { http, control } = await serve({ CONTROL_PORT: '0' }, pageOf('page'))
  const html = { headers: { Accept: 'text/html' } }
  expect(await (await fetch(`${http}?after=5`, html)).text()).toBe('page')
  await fetch(`${control}faults`, {
    method: 'PUT',
    headers: { 'Content-Type': 'application/json' },
    body: '{"reject": 503}',
  })
  expect(await (await fetch(`${http}main.js`)).text()).toBe('page')
  expect((await fetch(`${http}else`)).status).toBe(503)
  expect(await (await fetch(`${http}?after=5`)).text()).toContain('after needs one of')
})

test('a handshake behind requests for the page is answered after them', async () => {
  const body = 'x'.repeat(2_000_000)
  const { port, url } = await serve({}, pageOf(body))
  const page = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n'
  const answers = await ask(port, `${page}${page}${handshake(`${url}raw`)}\r\n`, answers => answers.includes(' 101 '))
  expect(answers.match(/HTTP\/1.1 \d+/g)).toEqual(['HTTP/1.1 200', 'HTTP/1.1 200', 'HTTP/1.1 101'])
  expect(answers.length).toBeGreaterThan(2 * body.length)
})

test('too many requests at a time end the connection', async () => {
  const { port } = await serve({}, pageOf('x'.repeat(5_000_000)))
  const answers = await ask(port, 'GET / HTTP/1.1\r\nHost: a\r\n\r\n'.repeat(1000))
  expect(answers.match(/HTTP\/1.1 /g)?.length ?? 0).toBeLessThan(9)
})

test('a plain connection counts towards MAX_CONNECTIONS', async () => {
  const { port, url } = await serve({ MAX_CONNECTIONS: '1' })
  const idle = connect(port, '127.0.0.1')
  await once(idle, 'connect')
  idle.write('GET / HTTP/1.1\r\n')
  await expect.poll(async () => (await connectRaw(url)).head).toMatch(/^HTTP\/1.1 503 /)
  idle.destroy()
  await expect.poll(async () => (await connectRaw(url)).head).toMatch(/^HTTP\/1.1 101 /)
})

test('hello hides secrets only from pages of other origins', async () => {
  const { url, port } = await serve()
  const secrets = { Cookie: 'id=1', Authorization: 'Basic x', 'X-Auth-Request-Email': 'a@b.example' }
  const hello = async (headers: Record<string, string>) => {
    const client = await connectRaw(`${url}?hello`, headers)
    return JSON.parse((await client.frame()).payload.toString()) as { headers: [string, string][] }
  }
  const foreign = Object.fromEntries((await hello({ ...secrets, Origin: 'https://evil.example' })).headers)
  for (const name of Object.keys(secrets)) expect(foreign[name]).toBe('hidden from pages of other origins')
  expect(foreign).toMatchObject({ Origin: 'https://evil.example', Upgrade: 'websocket' })
  for (const headers of [secrets, { ...secrets, Origin: `http://127.0.0.1:${port}` }]) {
    expect(Object.fromEntries((await hello(headers)).headers)).toMatchObject(secrets)
  }
})

test.for([
  ['no Host', ''],
  ['an expectation that nobody knows', 'Host: x\r\nExpect: y\r\n'],
] as const)('a refused handshake behind a request with %s affects nobody else', async ([, headers]) => {
  const { port, url } = await serve()
  const first = `GET / HTTP/1.1\r\n${headers}\r\n`
  const handshakes = ['GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n']
  const answers = await ask(port, first + handshakes.join(''))
  expect(answers).toMatch(/^HTTP\/1.1 4(00|17) /)
  expect((await connectRaw(url)).head).toMatch(/^HTTP\/1.1 101 /)
})

test('a list of nothing but commas and spaces is parsed quickly', async () => {
  const { url } = await serve()
  const before = process.cpuUsage()
  for (const filling of [',', ' ', ', ']) {
    const list = `a${filling.repeat(15_000 / filling.length)}b`
    await connectRaw(url, { 'Sec-WebSocket-Protocol': list, 'Sec-WebSocket-Extensions': '' }).catch(() => {})
  }
  // A slow parser takes hundreds of milliseconds of CPU time for each.
  expect(process.cpuUsage(before).user / 1000).toBeLessThan(600)
})

test('requests with an unknown expectation count towards the limit of pipelined requests', async () => {
  const { port } = await serve()
  const answers = await ask(port, 'GET / HTTP/1.1\r\nHost: a\r\nExpect: x\r\n\r\n'.repeat(1000))
  expect(answers.match(/HTTP\/1.1 417 /g)?.length ?? 0).toBeLessThan(9)
})

test('a delayed handshake keeps nothing of its request in memory once it is answered', async () => {
  const { url, registry } = await serve()
  const client = await connectRaw(`${url}raw?handshake-delay=1ms`, { 'X-Large': 'x'.repeat(10_000) })
  expect(client.head).toMatch(/^HTTP\/1.1 101 /)
  expect([registry.delayed.size, registry.budget.bytes]).toEqual([0, 0])
  const late = connectRaw(`${url}raw?handshake-delay=5m`, { 'X-Large': 'x'.repeat(10_000) })
  late.catch(() => {})
  await expect.poll(() => registry.budget.bytes).toBeGreaterThan(20_000)
})

test('a query of thousands of parameters is refused if it requests a fault, and ignored if not', async () => {
  const { http, url } = await serve()
  const many = 'a&'.repeat(7000)
  expect(await (await fetch(`${http}?loss=0&${many}`)).text()).toBe('The query has more than 256 parameters\n')
  expect((await connectRaw(`${url}?${many}`)).head).toMatch(/^HTTP\/1.1 101 /)
})
