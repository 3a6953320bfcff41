import { connect as connectTcp } from 'node:net'
import { expect, test } from 'vitest'
import { connect } from '../suite/client.ts'
import { connectRaw, frame, handshake, opcodes } from '../suite/raw-client.ts'
import { serve } from './serve.ts'

const messages = (log: Record<string, unknown>[]) => log.map(({ msg }) => msg)

test('at debug, a connection is logged in the words of the original', async () => {
  const { url, server, log } = await serve({ LOG_LEVEL: 'debug' })
  const { socket, next, closed } = await connect(`${url}some/path?token=secret`, undefined, ['chat'])
  socket.send('hello')
  await next()
  socket.send(Uint8Array.of(1, 2, 255))
  await next()
  socket.close(4000, 'done')
  await closed
  await server.close()
  expect(messages(log)).toEqual([
    'Connected!',
    'Message received : hello',
    'Just replied',
    'Message received : 3 bytes 0102ff',
    'Just replied',
    'Disconnected',
  ])
  const [connected] = log
  expect(connected).toMatchObject({ level: 'info', address: '127.0.0.1', path: '/some/path', subprotocol: 'chat' })
  expect(log.at(-1)).toMatchObject({
    level: 'info',
    connection: connected?.connection,
    code: 4000,
    reason: 'done',
    messages: 2,
  })
  expect(JSON.stringify(log)).not.toContain('secret')
})

test('at info, messages are not logged', async () => {
  const { url, server, log } = await serve()
  const { socket, next } = await connect(url)
  socket.send('hello')
  await next()
  await server.close()
  expect(messages(log)).toEqual(['Connected!', 'Disconnected'])
  expect(log[1]).toMatchObject({ code: 1001, messages: 1 })
})

test('a connection that the server failed is logged with the close code that it sent', async () => {
  const { url, server, log } = await serve({ MAX_PAYLOAD: '10' })
  const { socket, frame: nextFrame } = await connectRaw(url)
  socket.write(frame(opcodes.text, 'more than ten bytes'))
  await nextFrame()
  await server.close()
  expect(messages(log)).toEqual(['Connected!', 'Failed the connection', 'Disconnected'])
  expect(log[2]).toMatchObject({ code: 1009 })
})

test.for([
  ['origin', { Origin: 'https://evil.example' }, '', 403, 'The origin https://evil.example is not allowed'],
  ['asked', {}, '?reject=418', 418, 'Refused with 418 because of reject=418'],
  [
    'query',
    {},
    '?loss=2&tick',
    400,
    '"loss=2": expected a share from 0 to 1, such as 0.1 or 10%; "tick": expected a duration from 10ms to 1h, such as 500ms or 30s',
  ],
  ['malformed', { 'Sec-WebSocket-Key': '' }, '', 400, 'Sec-WebSocket-Key: expected 16 bytes in base64'],
] as const)('a refused handshake is logged with address, path, status, reason and problem: %s', async row => {
  const [reason, headers, query, status, problem] = row
  const { url, log } = await serve({ ALLOWED_ORIGINS: 'https://good.example' })
  await connectRaw(`${url}some/path${query}`, headers)
  expect(log).toEqual([
    {
      level: 'info',
      time: expect.any(String),
      address: '127.0.0.1',
      path: '/some/path',
      status,
      reason,
      problem,
      msg: 'Refused a handshake',
    },
  ])
})

test('a plain request that is refused is logged at debug, with the problem', async () => {
  const { http, log } = await serve({ LOG_LEVEL: 'debug' })
  await fetch(`${http}a?loss=2`)
  expect(log).toMatchObject([
    {
      level: 'debug',
      address: '127.0.0.1',
      path: '/a',
      status: 400,
      reason: 'query',
      problem: expect.stringContaining('"loss=2": expected a share'),
      msg: 'Answered a plain request',
    },
  ])
})

test.for(['end', 'destroy'] as const)('a client that leaves before a late answer (%s) is logged', async way => {
  const { url, log } = await serve()
  const { hostname, port } = new URL(url)
  const socket = connectTcp(Number(port), hostname)
  socket.write(`${handshake(`${url}late?handshake-delay=1m`)}\r\n`, () => socket[way]())
  await expect
    .poll(() => log)
    .toMatchObject([
      {
        level: 'info',
        address: '127.0.0.1',
        path: '/late',
        problem: 'The client left before the answer',
        msg: 'Gave up the handshake',
      },
    ])
})

test('a late handshake that the server gives up when it stops is logged with that reason', async () => {
  const { url, server, registry, log } = await serve()
  const late = connectRaw(`${url}?handshake-delay=1m`).catch(() => {})
  await expect.poll(() => registry.delayed.size).toBe(1)
  await server.close()
  await late
  expect(log).toMatchObject([{ msg: 'Gave up the handshake', problem: 'The server is shutting down' }])
})

test('a handshake without its Upgrade header is logged at info, a plain request at debug', async () => {
  const { http, log } = await serve({ LOG_LEVEL: 'debug' })
  await fetch(`${http}a`, { headers: { 'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==' } })
  await fetch(`${http}b?token=secret`)
  await fetch(`${http}healthz`)
  const address = '127.0.0.1'
  expect(log).toMatchObject([
    {
      level: 'info',
      address,
      path: '/a',
      status: 426,
      problem: 'no "Upgrade: websocket" header arrived',
      msg: 'Answered a handshake as a plain request',
    },
    { level: 'debug', address, path: '/b', status: 426, msg: 'Answered a plain request' },
  ])
  expect(log).toHaveLength(2)
})

test('nothing that a peer sends reaches the log unescaped', async () => {
  const { url, server, log } = await serve({ LOG_LEVEL: 'debug' })
  const { socket, next, closed } = await connect(url)
  socket.send('\u001b[2J\r\nfake line')
  await next()
  socket.close(1000, '\u001b]0;title\u0007')
  await closed
  await server.close()
  expect(messages(log)).toContain('Message received : \\x1b[2J\\x0d\\x0afake line')
  expect(log.at(-1)).toMatchObject({ reason: '\\x1b]0;title\\x07' })
})

test.for([
  ['no proxy is trusted', '', '203.0.113.7', '127.0.0.1'],
  ['the proxy is trusted', '127.0.0.1', '203.0.113.7', '203.0.113.7'],
  ['a client invents the left part', '127.0.0.1', '10.9.9.9, 203.0.113.7', '203.0.113.7'],
  ['two proxies are trusted', '127.0.0.0/8,10.0.0.0/8', '203.0.113.7, 10.0.0.1', '203.0.113.7'],
  ['the forwarded address is invalid', '127.0.0.1', 'unknown', '127.0.0.1'],
] as const)('the log has the peer’s own address if %s', async ([, TRUSTED_PROXIES, forwarded, address]) => {
  const { url, server, log } = await serve({ TRUSTED_PROXIES })
  await connectRaw(url, { 'X-Forwarded-For': forwarded })
  await server.close()
  expect(log[0]).toMatchObject({ msg: 'Connected!', address })
})
