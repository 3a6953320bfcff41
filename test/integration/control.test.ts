import { once } from 'node:events'
import { request } from 'node:http'
import { connect as connectTcp } from 'node:net'
import fc from 'fast-check'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import type { Environment } from '../../server/config/config.ts'
import { parameters } from '../../server/faults/parameters.ts'
import { connect } from '../suite/client.ts'
import { closePayload, connectRaw, frame, opcodes } from '../suite/raw-client.ts'
import { serve } from './serve.ts'

/** Starts a server with its control port. Returns functions that send requests to it. */
async function startControlled(env: Environment = {}) {
  const started = await serve({ CONTROL_PORT: '0', ...env })
  const ask = async (method: string, path: string, { body, type }: { body?: BodyInit; type?: string } = {}) => {
    const headers = type === undefined ? {} : { 'Content-Type': type }
    const response = await fetch(started.control + path, { method, body: body ?? null, headers })
    const text = await response.text()
    return { status: response.status, text, json: text.startsWith('{') ? JSON.parse(text) : undefined }
  }
  const put = (faults: unknown) => ask('PUT', 'faults', { body: JSON.stringify(faults), type: 'application/json' })
  const metrics = async () => {
    const { text } = await ask('GET', 'metrics')
    return new Map(
      text.split('\n').flatMap(line => (line.startsWith('websocket_') ? [line.split(' ') as [string, string]] : [])),
    )
  }
  const connections = async () => (await ask('GET', 'connections')).json.connections
  return { ...started, ask, put, metrics, connections }
}

describe('connections', () => {
  test('are listed with all details', async () => {
    const { url, ask, connections } = await startControlled()
    const client = await connectRaw(`${url}some/path?token=x`, {
      'Sec-WebSocket-Protocol': 'chat',
      'Sec-WebSocket-Extensions': 'permessage-deflate',
    })
    client.socket.write(Buffer.concat([frame(opcodes.text, 'hello'), frame(opcodes.binary, Uint8Array.of(1, 2, 3))]))
    await client.frame()
    await client.frame()
    const [connection, ...others] = await connections()
    expect(others).toEqual([])
    expect(connection).toMatchObject({
      remoteAddress: '127.0.0.1',
      path: '/some/path',
      query: 'token=x',
      subprotocol: 'chat',
      extensions: 'permessage-deflate',
      faults: null,
      received: { texts: 1, textBytes: 5, binaries: 1, binaryBytes: 3 },
      sent: { texts: 1, textBytes: 11, binaries: 1, binaryBytes: 3 },
      bytesRead: client.socket.bytesWritten,
      bytesWritten: client.socket.bytesRead,
      bufferedBytes: 0,
      pingRoundTrip: null,
    })
    expect(Date.now() - Date.parse(connection.openSince)).toBeLessThan(60_000)
    expect((await ask('GET', `connections/${connection.id}`)).json).toMatchObject({
      id: connection.id,
      path: '/some/path',
    })
  })

  test('report the round trip of their last ping, and the bytes that wait for a peer that does not read', async () => {
    const { url, ask, connections } = await startControlled({ HEARTBEAT_INTERVAL: '50ms' })
    const client = await connectRaw(url)
    expect((await client.frame()).opcode).toBe(opcodes.ping)
    client.socket.write(frame(opcodes.pong))
    await expect.poll(async () => (await connections())[0].pingRoundTrip).toBeGreaterThan(0)
    client.socket.removeAllListeners('data')
    client.socket.pause()
    client.socket.write(Buffer.concat(Array.from({ length: 32 }, () => frame(opcodes.binary, new Uint8Array(2 ** 20)))))
    await expect.poll(async () => (await connections())[0].bufferedBytes).toBeGreaterThan(0)
    const [{ id }] = await connections()
    const full = await vi.waitFor(async () => {
      const pushed = await ask('POST', `connections/${id}/messages`, { body: 'x', type: 'text/plain' })
      expect(pushed.status).toBe(409)
      return pushed
    }, 10_000)
    expect(full.json.error).toContain('connection 1 does not read, or is closing')
    expect((await ask('POST', 'messages', { body: 'x', type: 'text/plain' })).json).toEqual({ sent: 0, skipped: 1 })
  })

  test('are closed with a code and a reason, or with 1000, and others stay open', async () => {
    const { url, ask, connections } = await startControlled()
    const [first, second, third] = [await connect(url), await connect(url), await connect(url)]
    const [{ id }, { id: next }] = await connections()
    expect((await ask('DELETE', `connections/${id}?code=4001&reason=so%20be%20it`)).json).toEqual({ closed: 1 })
    expect(await first.closed).toMatchObject({ code: 4001, reason: 'so be it' })
    await ask('DELETE', `connections/${next}`)
    expect(await second.closed).toMatchObject({ code: 1000 })
    third.socket.send('still here')
    expect(await third.next()).toBe('[RE]: still here')
    expect((await ask('DELETE', 'connections?code=1012')).json).toEqual({ closed: 1 })
    expect(await third.closed).toMatchObject({ code: 1012 })
  })

  test.for(['', '?delay=5m', '?stall'])('at ws://…/%s are dropped without a close frame', async query => {
    const { url, ask, connections } = await startControlled()
    const fin = await connectRaw(url + query)
    const rst = await connectRaw(url + query)
    const [{ id }] = await connections()
    await ask('DELETE', `connections/${id}?drop=fin`)
    expect(await fin.end()).toHaveLength(0)
    const reset = once(rst.socket, 'error')
    await ask('DELETE', 'connections?drop=rst')
    expect(await reset).toMatchObject([{ code: 'ECONNRESET' }])
  })

  test('that are already closing are not closed again, but can be dropped', async () => {
    const { url, ask, connections } = await startControlled()
    const client = await connectRaw(url)
    const [{ id }] = await connections()
    expect((await ask('DELETE', 'connections?code=4000')).json).toEqual({ closed: 1 })
    expect(await client.frame()).toMatchObject({ opcode: opcodes.close })
    for (const path of ['connections', `connections/${id}`, `connections/${id}?drop=fin`]) {
      expect((await ask('DELETE', path)).json).toEqual({ closed: 0 })
    }
    expect(await connections()).toHaveLength(1)
    expect((await ask('DELETE', 'connections?drop=rst')).json).toEqual({ closed: 1 })
    await client.end()
    expect(await connections()).toEqual([])
  })

  test('that have stalled are closed, too', async () => {
    const { url, ask } = await startControlled()
    const { closed } = await connect(`${url}?stall`)
    await ask('DELETE', 'connections?code=4000')
    expect(await closed).toMatchObject({ code: 4000 })
  })

  test('with a low rate are closed at the end of the current frame', async () => {
    const { url, ask } = await startControlled()
    const client = await connectRaw(`${url}raw?rate=1KiB`)
    client.socket.write(frame(opcodes.binary, new Uint8Array(60_000)))
    await client.bytes(10)
    await ask('DELETE', 'connections?code=4000')
    await client.bytes(4 + 60_000 - 10)
    expect(await client.frame()).toMatchObject({ opcode: opcodes.close, payload: closePayload(4000) })
  })

  test('receive the posted messages: text or binary', async () => {
    const { url, control, ask, connections } = await startControlled()
    const clients = [await connect(url), await connect(`${url}?delay=5m&fragment=1`), await connect(url)]
    const type = 'text/plain; charset=utf-8'
    expect((await ask('POST', 'messages', { body: 'to all: ä', type })).json).toEqual({ sent: 3, skipped: 0 })
    for (const { next } of clients) expect(await next()).toBe('to all: ä')
    const [{ id }] = await connections()
    const bytes = Uint8Array.of(0, 255)
    const binary = { body: bytes, type: 'application/octet-stream' }
    expect((await ask('POST', `connections/${id}/messages`, binary)).json).toEqual({ sent: 1 })
    expect(await clients[0]?.next()).toEqual(bytes)
    // fetch sends a stream in chunks, without a Content-Length.
    const body = new Blob(['{"a":1}']).stream()
    const chunked = { method: 'POST', body, duplex: 'half', headers: { 'Content-Type': 'application/json' } }
    expect((await fetch(`${control}messages`, chunked)).status).toBe(200)
    for (const { next } of clients) expect(await next()).toBe('{"a":1}')
  })

  test('can be listed, sent messages and closed by the thousand while they echo, and every reply is right', async () => {
    const { url, ask, connections } = await startControlled({ SHUTDOWN_TIMEOUT: '5s' })
    const open = () => connect(url)
    const clients = await Promise.all(Array.from({ length: 1000 }, open))
    const pushes = 5
    const talks = clients.map(async ({ socket, next, closed }, i) => {
      let pushed = 0
      let kicked: number | undefined
      closed.then(({ code }) => (kicked = code))
      for (let n = 0; pushed < pushes || n < 20; n++) {
        if (kicked !== undefined) break
        socket.send(`${i}: ${n}`)
        try {
          let message = await next()
          for (; message === 'pushed'; message = await next()) pushed++
          expect(message).toBe(`[RE]: ${i}: ${n}`)
        } catch (error) {
          if ((await closed).code !== 4000) throw error
          break
        }
      }
      if (kicked === undefined && socket.readyState === socket.OPEN) expect(pushed).toBe(pushes)
    })
    for (let n = 0; n < pushes; n++) {
      expect((await connections()).length).toBeGreaterThan(800)
      await ask('POST', 'messages', { body: 'pushed', type: 'text/plain' })
      const all = await connections()
      const some = all.slice(0, 20).map(({ id }: { id: number }) => ask('DELETE', `connections/${id}?code=4000`))
      for (const { status } of await Promise.all(some)) expect([200, 404]).toContain(status)
    }
    await Promise.all(talks)
    for (const { socket } of clients) socket.close()
    await expect.poll(connections).toHaveLength(0)
  })
})

describe('the journal', () => {
  test('contains the messages of clients in order, with pings and closes', async () => {
    const { url, ask, connections } = await startControlled({ JOURNAL_SIZE: '1MiB' })
    const first = await connectRaw(url)
    const second = await connect(url)
    const ids = (await connections()).map(({ id }: { id: number }) => id)
    first.socket.write(
      Buffer.concat([
        frame(opcodes.text, 'tä', { fin: false }),
        frame(opcodes.continuation, 'xt'),
        frame(opcodes.binary, Uint8Array.of(0, 255)),
        frame(opcodes.ping, 'p'),
      ]),
    )
    for (let i = 0; i < 3; i++) await first.frame()
    first.socket.write(frame(opcodes.pong))
    second.socket.send('other')
    await second.next()
    first.socket.write(frame(opcodes.close, closePayload(4000, 'bye')))
    await first.frame()
    await first.end()
    second.socket.close()
    await second.closed

    const { json } = await ask('GET', 'messages')
    expect(json.dropped).toBe(0)
    expect(json.messages.map(({ time, ...entry }: { time: string }) => entry)).toEqual([
      { connection: ids[0], opcode: 'text', bytes: 5, text: 'täxt' },
      { connection: ids[0], opcode: 'binary', bytes: 2, base64: 'AP8=' },
      { connection: ids[0], opcode: 'ping', bytes: 1, base64: 'cA==' },
      { connection: ids[1], opcode: 'text', bytes: 5, text: 'other' },
      { connection: ids[0], opcode: 'close', bytes: 3, text: 'bye', code: 4000 },
      { connection: ids[1], opcode: 'close', bytes: 0, text: '', code: 1005 },
    ])
    const { json: one } = await ask('GET', `messages?connection=${ids[1]}`)
    expect(one.messages.map(({ opcode }: { opcode: string }) => opcode)).toEqual(['text', 'close'])
    expect((await ask('DELETE', 'messages')).status).toBe(200)
    expect((await ask('GET', 'messages')).json).toEqual({ dropped: 0, messages: [], faults: [] })
  })

  test('drops the oldest when it is full', async () => {
    const { url, ask } = await startControlled({ JOURNAL_SIZE: '100KiB' })
    const { socket, next } = await connect(url)
    for (let i = 0; i < 100; i++) {
      socket.send(`${i} ${'x'.repeat(10_000)}`)
      await next()
    }
    const { dropped, messages } = (await ask('GET', 'messages')).json
    expect(messages.length).toBeGreaterThan(5)
    expect(dropped + messages.length).toBe(100)
    expect(messages.at(-1).text).toMatch(/^99 /)
    socket.send('x'.repeat(200_000))
    await next()
    expect((await ask('GET', 'messages')).json).toEqual({ dropped: 101, messages: [], faults: [] })
  })

  test('is off without a size', async () => {
    const { ask } = await startControlled()
    for (const method of ['GET', 'DELETE']) {
      const { status, json } = await ask(method, 'messages')
      expect(status).toBe(409)
      expect(json.error).toContain('JOURNAL_SIZE')
    }
  })
})

describe('faults', () => {
  test('apply to new connections until they are cleared, and the query takes precedence', async () => {
    const { url, ask, put, connections } = await startControlled()
    const before = await connect(url)
    expect(await put({ close: 1011, reason: 'why', after: 1, hello: true, repeat: '2' })).toMatchObject({ status: 200 })
    expect((await ask('GET', 'faults')).json).toEqual({
      close: '1011',
      reason: 'why',
      after: '1',
      hello: '',
      repeat: '2',
    })

    before.socket.send('untouched')
    expect(await before.next()).toBe('[RE]: untouched')

    const plain = await connect(`${url}?token=x`)
    expect(await plain.next()).toContain('"query":"token=x"')
    expect((await connections()).at(-1).faults).toBe('by default')
    plain.socket.send('hello')
    expect([await plain.next(), await plain.next()]).toEqual(['[RE]: hello', '[RE]: hello'])
    expect(await plain.closed).toMatchObject({ code: 1011, reason: 'why' })

    const asking = await connect(`${url}?drop=fin&repeat=1`)
    await asking.next()
    asking.socket.send('hello')
    expect(await asking.next()).toBe('[RE]: hello')
    expect(await asking.closed).toMatchObject({ code: 1006 })
    await expect(connect(`${url}?reject=503`)).rejects.toThrow()
    await expect(connect(`${url}?delay=x`)).rejects.toThrow()

    expect((await ask('DELETE', 'faults')).status).toBe(200)
    expect((await ask('GET', 'faults')).json).toEqual({})
    const after = await connect(url)
    after.socket.send('hello')
    expect(await after.next()).toBe('[RE]: hello')
  })

  test('do not apply if they do not go together with the query', async () => {
    const { url, put } = await startControlled()
    await put({ reject: 503, body: 'later', header: 'X-A:1' })
    const { head } = await connectRaw(`${url}?reject=204`)
    expect(head).toMatch(/^HTTP\/1.1 204 /)
    expect(head).toContain('X-A: 1')
    expect((await connectRaw(`${url}?reject=204&body=x`)).head).toMatch(/^HTTP\/1.1 400 /)

    await put({ close: 1011, after: 5, hello: true })
    const { head: accepted } = await connectRaw(`${url}?corrupt=header`)
    expect(accepted).toMatch(/^HTTP\/1.1 101 /)
  })

  test('that are invalid change nothing', async () => {
    const { ask, put } = await startControlled()
    await put({ delay: '1s' })
    for (const [faults, problem] of [
      [{ delay: '1x' }, 'a duration'],
      [{ dealy: '1s' }, 'dealy'],
      [{ close: 1011, drop: 'fin' }, 'close, drop: use only one of close, drop, stall, corrupt, redirect, reject'],
      [{ after: 5 }, 'after needs one of close, drop, stall, corrupt'],
      [{ hello: false }, 'hello'],
      [{ delay: ['1s'] }, 'delay'],
      [[], 'object'],
    ] as const) {
      const { status, json } = await put(faults)
      expect(status).toBe(400)
      expect(json.error).toContain(problem)
    }
    expect((await ask('PUT', 'faults', { body: '{', type: 'application/json' })).status).toBe(400)
    expect((await ask('PUT', 'faults', { body: '{}', type: 'text/plain' })).json.error).toContain('application/json')
    expect((await ask('GET', 'faults')).json).toEqual({ delay: '1s' })
  })

  test('cannot be set under NO_FAULTS=1', async () => {
    const { ask, put } = await startControlled({ NO_FAULTS: '1' })
    expect((await put({ delay: '1s' })).status).toBe(409)
    expect((await ask('DELETE', 'faults')).status).toBe(409)
    expect((await ask('GET', 'faults')).json).toEqual({})
  })
})

describe('metrics', () => {
  test('match the messages that clients sent and received', async () => {
    const { url, metrics, ask } = await startControlled({
      ALLOWED_ORIGINS: 'https://a.example',
      HEARTBEAT_INTERVAL: '30ms',
    })
    const [fast, slow] = [await connectRaw(url), await connectRaw(`${url}?repeat=2&ping=0`)]
    for (const { socket } of [fast, slow]) {
      socket.write(Buffer.concat([frame(opcodes.text, 'hello'), frame(opcodes.binary, Uint8Array.of(1, 2, 3))]))
    }
    for (let i = 0; i < 4; i++) await slow.frame()
    for (let pings = 0; pings < 2; ) {
      if ((await fast.frame()).opcode !== opcodes.ping) continue
      fast.socket.write(frame(opcodes.pong))
      pings++
    }
    await ask('POST', 'messages', { body: 'pushed', type: 'text/plain' })
    await slow.frame()
    expect((await metrics()).get('websocket_connections_open')).toBe('2')
    for (const [{ socket, end }, code] of [
      [fast, 4711],
      [slow, 1001],
    ] as const) {
      socket.write(frame(opcodes.close, closePayload(code)))
      await end()
    }
    await connectRaw(url, { Origin: 'https://b.example' })
    await connectRaw(`${url}?delay=x`)
    await connectRaw(`${url}?reject=503`)
    await connectRaw(url, { 'Sec-WebSocket-Key': 'short' })

    const seen = await metrics()
    for (const [name, value] of Object.entries({
      connections_open: 0,
      buffered_bytes: 0,
      'handshakes_total{outcome="accepted"}': 2,
      'handshakes_total{outcome="origin"}': 1,
      'handshakes_total{outcome="query"}': 1,
      'handshakes_total{outcome="asked"}': 1,
      'handshakes_total{outcome="malformed"}': 1,
      'messages_total{direction="received",opcode="text"}': 2,
      'messages_total{direction="received",opcode="binary"}': 2,
      'messages_total{direction="sent",opcode="text"}': 3 + 2,
      'messages_total{direction="sent",opcode="binary"}': 3,
      'message_bytes_total{direction="received",opcode="text"}': 10,
      'message_bytes_total{direction="received",opcode="binary"}': 6,
      'message_bytes_total{direction="sent",opcode="text"}': 33 + 12,
      'message_bytes_total{direction="sent",opcode="binary"}': 9,
      'closes_total{code="4xxx"}': 1,
      'closes_total{code="1001"}': 1,
    })) {
      expect([name, seen.get(`websocket_${name}`)]).toEqual([name, String(value)])
    }
    const count = (name: string) => Number(seen.get(`websocket_${name}`))
    expect(count('ping_round_trip_seconds_count')).toBeGreaterThanOrEqual(2)
    expect(count('messages_total{direction="received",opcode="pong"}')).toBeGreaterThanOrEqual(2)
    expect(count('messages_total{direction="sent",opcode="ping"}')).toBeGreaterThanOrEqual(2)
    const { text } = await ask('GET', 'metrics')
    for (const name of ['nodejs_eventloop_lag_seconds', 'process_resident_memory_bytes', 'process_cpu_seconds_total']) {
      expect(text).toContain(`\n${name} `)
    }
  })

  test('have few series, whatever codes peers close with', async () => {
    const { url, metrics } = await startControlled()
    for (let code = 3000; code < 5000; code += 40) {
      const { socket, closed } = await connect(url)
      socket.close(code)
      await closed
    }
    const closes = [...(await metrics())].filter(([name]) => name.startsWith('websocket_closes_total'))
    expect(closes).toEqual([
      ['websocket_closes_total{code="3xxx"}', '25'],
      ['websocket_closes_total{code="4xxx"}', '25'],
    ])
  })
})

describe('refuses', () => {
  const statusOf = async (control: string, headers: Record<string, string>) => {
    const sent = request(`${control}connections`, { headers })
    sent.end()
    const [response] = await once(sent, 'response')
    response.resume()
    return response.statusCode
  }

  test.for([
    [{ Origin: 'http://127.0.0.1' }, 403],
    [{ Origin: 'null' }, 403],
    [{ 'Sec-Fetch-Site': 'cross-site' }, 403],
    [{ 'Sec-Fetch-Site': 'none' }, 200],
    [{ Host: 'evil.example' }, 403],
    [{ Host: 'localhost.evil.example:80' }, 403],
    [{ Host: '127.0.0.1.evil.example' }, 403],
    [{ Host: 'a@127.0.0.1' }, 403],
    [{ Host: '[localhost]' }, 403],
    [{ Host: 'localhost:1234' }, 200],
    [{ Host: '192.0.2.1' }, 200],
    [{ Host: '[::1]:9000' }, 200],
    [{ Host: 'Echo.Test:80' }, 200],
    [{ Host: 'other.test' }, 403],
  ] as const)('web pages and unknown host names: %o is answered %i', async ([headers, status]) => {
    const { control } = await startControlled({ CONTROL_ALLOWED_HOSTS: 'echo.test, second.test' })
    expect(await statusOf(control, headers)).toBe(status)
  })
})

test('readyz answers 503 during shutdown, and the other routes still work', async () => {
  const { server, url, ask } = await startControlled({ SHUTDOWN_TIMEOUT: '1m' })
  const client = await connectRaw(url)
  expect((await ask('GET', 'readyz')).status).toBe(200)
  const closed = server.close()
  expect((await ask('GET', 'readyz')).status).toBe(503)
  expect((await ask('GET', 'healthz')).status).toBe(200)
  expect((await ask('GET', 'connections')).json.connections).toHaveLength(1)
  await client.frame()
  client.socket.write(frame(opcodes.close, closePayload(1001)))
  await closed
})

test.for([
  ['GET', 'nowhere', 404],
  ['PATCH', 'connections', 404],
  ['GET', 'connections?x=1', 400],
  ['GET', 'connections/abc', 400],
  ['GET', 'connections/-1', 400],
  ['GET', 'connections/999999999', 404],
  ['DELETE', 'connections/999999999', 404],
  ['DELETE', 'connections?code=1005', 400],
  ['DELETE', 'connections?code=1000&code=1001', 400],
  ['DELETE', `connections?reason=${'x'.repeat(124)}`, 400],
  ['DELETE', 'connections?drop=softly', 400],
  ['DELETE', 'connections?drop=fin&code=1000', 400],
  ['POST', 'connections/999999999/messages', 404],
  ['POST', 'messages', 400, 'application/x-www-form-urlencoded'],
  ['POST', 'messages', 400, 'text/plain', Uint8Array.of(0xff)],
  ['POST', 'messages', 413, 'text/plain', 'x'.repeat(2 ** 20 + 1)],
  ['GET', 'messages?connection=x', 400],
  ['GET', 'healthz?x', 400],
  ['GET', '%zz', 404],
] as const)(
  '%s /%s is answered %i, and closes no connection',
  async ([method, path, status, type = 'text/plain', body = 'x']) => {
    const { url, ask } = await startControlled({ JOURNAL_SIZE: '1MiB' })
    const { socket, next } = await connect(url)
    const answer = await ask(method, path, method === 'POST' ? { body, type } : {})
    expect(answer.status).toBe(status)
    expect(answer.json.error).toEqual(expect.any(String))
    socket.send('still here')
    expect(await next()).toBe('[RE]: still here')
  },
)

test.for([
  [{ stall: false }, 'stall: expected a string, a number or true'],
  [{ clsoe: 1011 }, '"clsoe" is unknown: expected delay, jitter, loss'],
] as const)('PUT /faults refuses %j with what it expects', async ([faults, expected]) => {
  const { put } = await startControlled()
  const { status, json } = await put(faults)
  expect(status).toBe(400)
  expect(json.error).toContain(expected)
})

test('GET /openapi.json lists every fault, for generated clients', async () => {
  const { ask } = await startControlled()
  const { json } = await ask('GET', 'openapi.json')
  expect(Object.keys(json.components.schemas.Faults.properties)).toEqual(parameters.map(({ name }) => name))
  const paths: Record<string, { operationId: string }>[] = Object.values(json.paths)
  const operations = paths.flatMap(path => Object.values(path))
  expect(new Set(operations.map(({ operationId }) => operationId)).size).toBe(operations.length)
})

test('GET /openapi.json describes every route', async () => {
  const { ask } = await startControlled()
  const { json } = await ask('GET', 'openapi.json')
  expect(json.openapi).toBe('3.1.0')
  const routes = Object.entries(json.paths).flatMap(([path, methods]) =>
    Object.keys(methods as object).map(method => `${method.toUpperCase()} ${path}`),
  )
  expect(routes.toSorted()).toEqual([
    'DELETE /connections',
    'DELETE /connections/{id}',
    'DELETE /faults',
    'DELETE /keys',
    'DELETE /messages',
    'GET /connections',
    'GET /connections/{id}',
    'GET /faults',
    'GET /healthz',
    'GET /keys',
    'GET /messages',
    'GET /metrics',
    'GET /readyz',
    'POST /connections/{id}/messages',
    'POST /messages',
    'PUT /faults',
  ])
  expect(json.paths['/connections/{id}'].delete.parameters).toContainEqual(
    expect.objectContaining({ name: 'drop', in: 'query', schema: expect.objectContaining({ enum: ['fin', 'rst'] }) }),
  )
})

test('the control port survives any request', async () => {
  const { ask, control, url } = await startControlled({ JOURNAL_SIZE: '1MiB' })
  const { port } = new URL(control)
  const part = fc.oneof(
    fc.constantFrom('connections', 'messages', 'faults', 'metrics', 'healthz', 'openapi.json', '1', '%', '..', ''),
    fc.string(),
  )
  const target = fc.tuple(fc.array(part, { maxLength: 4 }), fc.option(fc.string()))
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom('GET', 'PUT', 'POST', 'DELETE', 'PATCH', 'OPTIONS', 'HEAD'),
      target,
      fc.constantFrom('text/plain', 'application/json', 'application/octet-stream', ';', 'multipart/form-data'),
      fc.oneof(fc.json(), fc.string()),
      async (method, [parts, query], type, body) => {
        const path =
          parts.map(encodeURIComponent).join('/') + (query === null ? '' : `?${encodeURI(query.toWellFormed())}`)
        const sends = method === 'PUT' || method === 'POST' || method === 'PATCH'
        expect((await ask(method, path, sends ? { body, type } : {})).status).toBeLessThan(500)
      },
    ),
    { numRuns: 300 },
  )
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), fc.boolean(), async (bytes, isRequest) => {
      const socket = connectTcp(Number(port), '127.0.0.1')
      socket.on('error', () => {})
      socket.end(Buffer.concat([Buffer.from(isRequest ? 'POST /messages HTTP/1.1\r\nHost: localhost\r\n' : ''), bytes]))
      socket.resume()
      await new Promise(resolve => socket.once('close', resolve))
    }),
    { numRuns: 200 },
  )
  expect((await ask('DELETE', 'faults')).status).toBe(200)
  const { socket, next } = await connect(url)
  onTestFinished(() => socket.close())
  socket.send('still here')
  expect(await next()).toBe('[RE]: still here')
})
