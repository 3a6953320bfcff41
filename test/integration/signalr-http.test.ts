import { once } from 'node:events'
import { connect } from 'node:net'
import { expect, onTestFinished, test, vi } from 'vitest'
import { connect as connectWebSocket } from '../suite/client.ts'
import { connectRaw, frame, opcodes } from '../suite/raw-client.ts'
import { serve } from './serve.ts'

const HANDSHAKE = '{"protocol":"json","version":1}\x1e'

const call = (...args: unknown[]) =>
  `${JSON.stringify({ type: 1, invocationId: '1', target: 'x', arguments: args })}\x1e`

const parse = (records: string) =>
  records
    .split('\x1e')
    .slice(0, -1)
    .map(record => JSON.parse(record))

/** Negotiates a session, and returns functions for its requests. */
async function negotiate(http: string, query = '') {
  const response = await fetch(`${http}signalr/negotiate?negotiateVersion=1&${query}`, { method: 'POST' })
  const { connectionToken } = await response.json()
  const url = `${http}signalr?${query}&id=${connectionToken}`
  const poll = () => fetch(url)
  const post = (body: string) => fetch(url, { method: 'POST', body })
  return { connectionToken, url, poll, post, end: () => fetch(url, { method: 'DELETE' }) }
}

/** Opens a session with long polling, after the handshake. */
async function openPolling(http: string, query = '') {
  const session = await negotiate(http, query)
  const first = await session.poll()
  expect([first.status, await first.text()]).toEqual([200, ''])
  expect((await session.post(HANDSHAKE)).status).toBe(200)
  expect(await (await session.poll()).text()).toBe('{}\x1e')
  return session
}

/** Opens a session with server-sent events. `until` resolves with all events, once they contain a text. */
async function openStream(http: string, query = '') {
  const session = await negotiate(http, query)
  const stop = new AbortController()
  onTestFinished(() => stop.abort())
  const response = await fetch(session.url, { headers: { Accept: 'text/event-stream' }, signal: stop.signal })
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader()
  let events = ''
  const until = async (text: string) => {
    while (!events.includes(text)) {
      const { value, done } = (await reader?.read()) ?? { done: true }
      if (done) throw new Error(`the stream ended without ${text}: ${events}`)
      events += value
    }
    return events
  }
  return { ...session, response, until, stop: () => stop.abort(), reader }
}

const lines = (log: Record<string, unknown>[], msg: string) => log.filter(line => line.msg === msg)

test('version 1 of the negotiation returns a token, which NGINX learns from a header', async () => {
  const { http } = await serve()
  const response = await fetch(`${http}signalr/negotiate?negotiateVersion=1`, { method: 'POST' })
  const answer = await response.json()
  const formats = { transferFormats: ['Text'] }
  expect(answer).toEqual({
    negotiateVersion: 1,
    connectionId: expect.stringMatching(/^[\w-]{36}$/),
    connectionToken: expect.stringMatching(/^[\w-]{36}$/),
    availableTransports: ['WebSockets', 'ServerSentEvents', 'LongPolling'].map(name => ({
      transport: name,
      ...formats,
    })),
  })
  expect(answer.connectionId).not.toBe(answer.connectionToken)
  expect(response.headers.get('x-session')).toBe(answer.connectionToken)
})

test('version 0 of the negotiation returns an id, which serves as the token', async () => {
  const { http } = await serve()
  const { connectionId, ...rest } = await (await fetch(`${http}signalr/negotiate`, { method: 'POST' })).json()
  expect(rest).toMatchObject({ negotiateVersion: 0 })
  expect(rest).not.toHaveProperty('connectionToken')
  expect((await fetch(`${http}signalr?id=${connectionId}`)).status).toBe(200)
})

test.for([
  ['GET', 'signalr/negotiate', 405],
  ['GET', 'signalr', 400],
  ['POST', 'signalr', 400],
  ['GET', 'signalr?id=unknown', 404],
  ['POST', 'signalr?id=unknown', 404],
  ['DELETE', 'signalr?id=unknown', 404],
  ['GET', 'signalr/', 400],
] as const)('%s /%s is answered with %i', async ([method, target, status]) => {
  const { http } = await serve()
  expect((await fetch(http + target, { method })).status).toBe(status)
})

test('a WebSocket with an unknown or used id is refused with 404', async () => {
  const { url, http } = await serve()
  const { connectionToken } = await negotiate(http)
  expect((await connectRaw(`${url}signalr?id=unknown`)).head).toMatch(/^HTTP\/1.1 404 /)
  expect((await connectRaw(`${url}signalr?id=${connectionToken}`)).head).toMatch(/^HTTP\/1.1 101 /)
  expect((await connectRaw(`${url}signalr?id=${connectionToken}`)).head).toMatch(/^HTTP\/1.1 404 /)
})

test('a poll waits for records, and a second poll replaces it', async () => {
  const { http } = await serve()
  const { poll, post } = await openPolling(http)
  const replaced = poll()
  const next = vi.waitFor(async () => {
    const response = await poll()
    expect(response.status).toBe(200)
    return response.text()
  }, 10_000)
  expect((await replaced).status).toBe(204)
  expect((await post(call('hello'))).status).toBe(200)
  expect(parse(await next)).toEqual([
    { type: 1, target: 'x', arguments: ['hello'] },
    { type: 3, invocationId: '1', result: '[RE]: hello' },
  ])
})

test('DELETE ends a session and its poll', async () => {
  const { http, log } = await serve()
  const { poll, end } = await openPolling(http)
  const open = poll()
  await expect.poll(async () => (await end()).status).toBe(202)
  expect((await open).status).toBe(204)
  expect((await poll()).status).toBe(404)
  expect(lines(log, 'Disconnected')).toMatchObject([{ protocol: 'signalr', code: 1000 }])
})

test('a record that ends the session ends the poll', async () => {
  const { http } = await serve()
  const { poll, post } = await openPolling(http)
  const open = poll()
  expect((await post('{"type":7}\x1e')).status).toBe(200)
  expect((await open).status).toBe(204)
})

test('records are sent as events, and the stream is the only one of its session', async () => {
  const { http, log } = await serve()
  const { response, url, post, until, stop } = await openStream(http)
  expect(response.headers.get('content-type')).toBe('text/event-stream')
  expect((await fetch(url, { headers: { Accept: 'text/event-stream' } })).status).toBe(409)
  expect((await fetch(url)).status).toBe(409)
  expect((await post(HANDSHAKE + call(1))).status).toBe(200)
  const echoed = '{"type":1,"target":"x","arguments":[1]}\x1e{"type":3,"invocationId":"1","result":1}\x1e'
  expect(await until('"type":3')).toBe(`:\r\n\r\ndata: {}\x1e\r\n\r\ndata: ${echoed}\r\n\r\n`)
  stop()
  await expect.poll(() => lines(log, 'Disconnected')).toMatchObject([{ code: 1006 }])
  expect((await fetch(url)).status).toBe(404)
})

test('two POST requests at a time are answered with 409', async () => {
  const { http, port } = await serve()
  const { url, post } = await openPolling(http)
  const slow = connect(port, '127.0.0.1')
  onTestFinished(() => void slow.destroy())
  const { pathname, search } = new URL(url)
  slow.write(`POST ${pathname}${search} HTTP/1.1\r\nHost: a\r\nContent-Length: 20\r\n\r\n{`)
  await expect.poll(async () => (await post('{"type":6}\x1e')).status).toBe(409)
  slow.write('"type":6}\x1e         ')
  const [answer] = await once(slow, 'data')
  expect(String(answer)).toMatch(/^HTTP\/1.1 200 /)
})

test('a POST that its client abandons does not end the session, and the next one is taken', async () => {
  const { http, port, registry } = await serve({ HIGH_WATER_MARK: '64KiB' })
  const { url, poll, post } = await openPolling(http)
  const { pathname, search } = new URL(url)
  const half = connect(port, '127.0.0.1')
  half.write(`POST ${pathname}${search} HTTP/1.1\r\nHost: a\r\nContent-Length: 20\r\n\r\n{`)
  await expect.poll(async () => (await post('{"type":6}\x1e')).status).toBe(409)
  half.destroy()
  await expect.poll(async () => (await post('{"type":6}\x1e')).status).toBe(200)
  const stop = new AbortController()
  const whole = fetch(url, { method: 'POST', body: call('x'.repeat(1000)).repeat(200), signal: stop.signal })
  await expect.poll(() => registry.budget.bytes).toBeGreaterThan(64 * 1024)
  stop.abort()
  await expect(whole).rejects.toThrow()
  let results = 0
  while (results < 200) results += parse(await (await poll()).text()).filter(({ type }) => type === 3).length
  await expect.poll(async () => (await post('{"type":6}\x1e')).status).toBe(200)
  expect(registry.budget.bytes).toBe(0)
})

test.for(['one piece', 'pieces'])(
  'a body that is too large in %s is answered with 413 and ends the session',
  async how => {
    const { http, registry } = await serve({ MAX_PAYLOAD: '1KiB' })
    const { url, poll, post } = await openPolling(http)
    const body = `${'x'.repeat(2000)}\x1e`
    const streamed = { method: 'POST', body: new Blob([body]).stream(), duplex: 'half' }
    const response = how === 'pieces' ? await fetch(url, streamed as RequestInit) : await post(body)
    expect(response.status).toBe(413)
    expect(parse(await (await poll()).text())).toEqual([
      { type: 7, error: 'the body is larger than MAX_PAYLOAD', allowReconnect: true },
    ])
    expect((await poll()).status).toBe(404)
    expect(registry.budget.bytes).toBe(0)
  },
)

test.for([
  ['half a record', '{"type":1,', 'expected 0x1e after each record'],
  ['half JSON', '{"type":1,\x1e', 'expected JSON'],
  ['nothing', '', 'expected 0x1e after each record'],
  ['an unknown type', '{"type":9}\x1e', 'type: expected 1 to 7'],
] as const)('%s ends the session with a close record, over HTTP and WebSockets', async ([, records, problem]) => {
  const { http, url } = await serve()
  const last = { type: 7, error: `Invalid record: ${problem}` }
  if (records !== '') {
    const { poll, post } = await openPolling(http)
    expect((await post(records)).status).toBe(200)
    expect(parse(await (await poll()).text())).toEqual([last])
    expect((await poll()).status).toBe(404)
  }
  const { socket, next, closed } = await connectWebSocket(`${url}signalr`)
  socket.send(HANDSHAKE)
  expect(await next()).toBe('{}\x1e')
  socket.send(records)
  expect(parse(String(await next()))).toEqual([last])
  expect(await closed).toMatchObject({ code: 1002 })
})

test('a missing handshake is answered with its error', async () => {
  const { url } = await serve()
  const { socket, next, closed } = await connectWebSocket(`${url}signalr`)
  socket.send(call(1))
  expect(parse(String(await next()))).toEqual([
    { error: 'Invalid record: expected a handshake with the protocol "json"' },
  ])
  expect(await closed).toMatchObject({ code: 1002 })
})

test('pages of any allowed origin may send requests with credentials, and read the answers', async () => {
  const { http } = await serve({ ALLOWED_ORIGINS: 'https://a.example', MAX_CONNECTIONS: '1' })
  const preflight = (origin: string) =>
    fetch(`${http}signalr/negotiate`, {
      method: 'OPTIONS',
      headers: {
        Origin: origin,
        'Access-Control-Request-Method': 'POST',
        'Access-Control-Request-Headers': 'x-requested-with,x-signalr-user-agent',
      },
    })
  const allowed = await preflight('https://a.example')
  expect(allowed.status).toBe(204)
  expect(Object.fromEntries(allowed.headers)).toMatchObject({
    'access-control-allow-origin': 'https://a.example',
    'access-control-allow-credentials': 'true',
    'access-control-allow-headers': 'x-requested-with,x-signalr-user-agent',
    'access-control-allow-methods': 'GET, POST, DELETE',
  })
  expect((await preflight('https://b.example')).headers.get('access-control-allow-origin')).toBeNull()
  const post = (origin: string, query: string) =>
    fetch(`${http}signalr/negotiate?${query}`, { method: 'POST', headers: { Origin: origin } })
  expect((await post('https://b.example', '')).status).toBe(403)
  const refused = await post('https://a.example', 'reject=503')
  expect(refused.status).toBe(503)
  expect(refused.headers.get('access-control-allow-origin')).toBe('https://a.example')
})

test.for([
  ['fragment=1', 'fragment does not work with SignalR: expected one of delay, jitter, loss,'],
  ['handshake-delay=1s', 'handshake-delay does not work with SignalR: expected one of delay, jitter, loss,'],
] as const)('%s is refused with 400 for all transports', async ([query, problem]) => {
  const { http, url } = await serve()
  const response = await fetch(`${http}signalr/negotiate?${query}`, { method: 'POST' })
  expect([response.status, await response.text()]).toEqual([400, expect.stringContaining(problem)])
  const { connectionToken } = await negotiate(http)
  expect((await fetch(`${http}signalr?id=${connectionToken}&${query}`)).status).toBe(400)
  expect((await connectRaw(`${url}signalr?${query}`)).head).toMatch(/^HTTP\/1.1 400 /)
})

test.for(['hello', 'message=x', 'tick=1s', 'delay=x'])('%s is refused with 400 for all transports', async query => {
  const { http, url } = await serve()
  expect((await fetch(`${http}signalr/negotiate?${query}`, { method: 'POST' })).status).toBe(400)
  expect((await connectRaw(`${url}signalr?${query}`)).head).toMatch(/^HTTP\/1.1 400 /)
})

test('paths below /signalr, and any query on other paths, belong to plain WebSockets', async () => {
  const { url } = await serve()
  for (const target of ['signalr/other', 'signalrs', '?id=x&negotiateVersion=1']) {
    const { socket, next } = await connectWebSocket(url + target)
    socket.send('hello')
    expect(await next()).toBe('[RE]: hello')
  }
})

test('NO_PROTOCOLS=1 makes /signalr a path like any other', async () => {
  const { http, url } = await serve({ NO_PROTOCOLS: '1' })
  expect((await fetch(`${http}signalr/negotiate`, { method: 'POST' })).status).toBe(426)
  const { socket, next } = await connectWebSocket(`${url}signalr`)
  socket.send('hello')
  expect(await next()).toBe('[RE]: hello')
})

test('a session from which nobody asks for records ends, and frees its memory', async () => {
  const { http, registry, log } = await serve({ HEARTBEAT_INTERVAL: '300ms' }, { signalrPing: 300 })
  const { post } = await openPolling(http)
  expect((await post(call('x'.repeat(100_000)))).status).toBe(200)
  expect(registry.budget.bytes).toBeGreaterThan(200_000)
  await expect.poll(() => registry.size).toBe(0)
  expect(registry.budget.bytes).toBe(0)
  expect(lines(log, 'Gave up the connection')).toMatchObject([{ problem: 'No request from the client' }])
  expect((await post(call(1))).status).toBe(404)
})

test.for(['0', '30s'])('a silent session stays with HEARTBEAT_INTERVAL=%s', async interval => {
  const { url, registry, log } = await serve({ HEARTBEAT_INTERVAL: interval }, { signalrPing: 10 })
  const { socket, next } = await connectWebSocket(`${url}signalr`)
  socket.send(HANDSHAKE)
  for (let record = 0; record < 10; record++) await next()
  expect(registry.size).toBe(1)
  expect(lines(log, 'Gave up the connection')).toEqual([])
})

test('pings do not pile up for a client that does not poll', async () => {
  const { http, registry } = await serve({ HEARTBEAT_INTERVAL: '0' }, { signalrPing: 1 })
  await openPolling(http)
  const [session] = registry
  await expect.poll(() => session?.waiting).toBeGreaterThan(0)
  const waiting = session?.waiting
  const { socket, next } = await connectWebSocket(`${http.replace('http', 'ws')}signalr`)
  socket.send(HANDSHAKE)
  for (let record = 0; record < 10; record++) await next()
  expect(session?.waiting).toBe(waiting)
})

test('a client that reads nothing cannot make replies pile up', async () => {
  const { http, registry } = await serve({ HIGH_WATER_MARK: '64KiB' })
  const { url, poll, post } = await openPolling(http)
  const stop = new AbortController()
  const flood = call('x'.repeat(1000)).repeat(800)
  const first = post(flood)
  first.catch(() => {})
  await expect.poll(() => registry.budget.bytes).toBeGreaterThan(64 * 1024)
  expect((await fetch(url, { method: 'POST', body: flood, signal: stop.signal })).status).toBe(409)
  expect(registry.budget.bytes).toBeLessThan(3_000_000)
  let results = 0
  while (results < 800) results += parse(await (await poll()).text()).filter(({ type }) => type === 3).length
  expect((await first).status).toBe(200)
  expect(registry.budget.bytes).toBe(0)
})

test('others are answered between the tens of thousands of records of one message', async () => {
  const { url, registry } = await serve()
  const attacker = await connectRaw(`${url}signalr`)
  const [session] = registry
  if (!session) throw new Error('no session')
  attacker.socket.write(frame(opcodes.text, HANDSHAKE))
  await attacker.frame()
  const bystander = await connectWebSocket(url)
  const echo = async () => {
    bystander.socket.send('hello')
    expect(await bystander.next()).toBe('[RE]: hello')
  }
  attacker.socket.write(frame(opcodes.text, '{"type":6}\x1e'.repeat(90_000)))
  attacker.socket.write(frame(opcodes.text, '{"type":1,"target":"","arguments":[]}\x1e'.repeat(25_000)))
  while (session.traffic.received.texts < 3) await echo()
  await echo()
  expect(session.traffic.sent.texts).toBeLessThan(25_001)
  await expect.poll(() => session.traffic.sent.texts).toBe(25_001)
})

test('thousands of negotiations leave only the newest ones, and take no place', async () => {
  const { http } = await serve({ MAX_CONNECTIONS: '50' })
  const oldest = await negotiate(http)
  for (let i = 0; i < 210; i++) await Promise.all(Array.from({ length: 20 }, () => negotiate(http)))
  expect((await oldest.poll()).status).toBe(404)
  await openPolling(http)
})

test('MAX_CONNECTIONS counts sessions, also between their requests', async () => {
  const { http, url } = await serve({ MAX_CONNECTIONS: '2' })
  const { end } = await openPolling(http)
  await openPolling(http)
  expect((await connectRaw(url)).head).toMatch(/^HTTP\/1.1 503 /)
  expect((await end()).status).toBe(202)
  await expect.poll(async () => (await connectRaw(url)).head).toMatch(/^HTTP\/1.1 101 /)
})

test('the budget ends the largest session', async () => {
  const { http, registry, log } = await serve({ MEMORY_BUDGET: '4MiB', HIGH_WATER_MARK: '64MiB' })
  const { post } = await openPolling(http)
  const body = call('x'.repeat(900_000))
  while (registry.size > 0) await post(body).catch(() => {})
  expect(lines(log, 'Gave up the connection')).toMatchObject([{ problem: 'Too little memory is free' }])
  expect(registry.budget.bytes).toBe(0)
})

test('the journal has the records of a session', async () => {
  const { http, control } = await serve({ CONTROL_PORT: '0', JOURNAL_SIZE: '1MiB' })
  const { post } = await openPolling(http, 'loss=1')
  await post(call(1))
  const { messages, faults } = await (await fetch(`${control}messages`)).json()
  expect(messages.map(({ text }: { text: string }) => text)).toEqual([HANDSHAKE, call(1)])
  expect(faults).toMatchObject([{ fault: 'loss=1' }])
})
