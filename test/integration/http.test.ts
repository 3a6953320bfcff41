import { once } from 'node:events'
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

test.for(['GET', 'POST', 'DELETE'])('a plain %s is answered with 426 and how to connect', async method => {
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
] as const)(
  'behind TLS, the 426 names the secure address where the proxy is trusted: %s',
  async ([proxies, scheme]) => {
    const { http, port } = await serve({ TRUSTED_PROXIES: proxies })
    const response = await fetch(http, { headers: { 'X-Forwarded-Proto': 'https' } })
    expect(await response.text()).toContain(`new WebSocket("${scheme}://127.0.0.1:${port}/")`)
  },
)

test('the page is served where a plain request asks for a file of it, else the 426', async () => {
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

test('a handshake that dribbles is answered with 408', async () => {
  const { url, port } = await serve({}, { handshakeTimeout: 100 })
  const socket = connect(port, '127.0.0.1')
  socket.write(`GET / HTTP/1.1\r\nHost: ${new URL(url).host}\r\nUpgrade: web`)
  const chunks = await Array.fromAsync(socket)
  expect(Buffer.concat(chunks).toString()).toMatch(/^HTTP\/1.1 408 /)
})

test('a request in absolute form is taken for its path', async () => {
  const { port } = await serve()
  const bodyOf = async (target: string) => {
    const socket = connect(port, '127.0.0.1')
    socket.write(`GET ${target} HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n`)
    return Buffer.concat(await Array.fromAsync(socket)).toString()
  }
  expect(await bodyOf('http://a.example/healthz')).toMatch(/^HTTP\/1.1 200 /)
  expect(await bodyOf('http://a.example/raw?x')).toContain('new WebSocket("ws://a.example/raw?x")')
})

test('HTTP/1.0 has no upgrade', async () => {
  const { url, port } = await serve()
  const socket = connect(port, '127.0.0.1')
  socket.write(
    `${handshake(url).replace('HTTP/1.1', 'HTTP/1.0').replace('Connection: Upgrade', 'Connection: Upgrade, close')}\r\n`,
  )
  expect(Buffer.concat(await Array.fromAsync(socket)).toString()).toMatch(/^HTTP\/1.1 426 /)
})

test('while it closes, a request that was on its way is answered with 503', async () => {
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
