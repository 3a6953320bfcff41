import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import { describe, expect, test } from 'vitest'
import { connect } from '../suite/client.ts'
import { closePayload, connectRaw, frame, opcodes } from '../suite/raw-client.ts'
import { answerTo, startRaw, startWs } from './backends.ts'
import { serve } from './serve.ts'

const { text, close } = opcodes

const CONTROL = { CONTROL_PORT: '0', JOURNAL_SIZE: '1MiB' }

/** Starts a backend that records its messages and its end, and a server in front of it. */
async function relayToRecorder(env: Record<string, string> = {}) {
  const { wss, url } = await startWs({ perMessageDeflate: true })
  const messages: { text: string; at: number }[] = []
  const { promise: closed, resolve } = Promise.withResolvers<{ code: number; reason: string }>()
  wss.on('connection', socket => {
    socket.on('message', data => messages.push({ text: String(data), at: performance.now() }))
    socket.on('message', (data, binary) => socket.send(data, { binary }))
    socket.on('close', (code, reason) => resolve({ code, reason: String(reason) }))
    socket.on('error', () => {})
  })
  const relay = await serve({ UPSTREAM: url, ...env })
  return { ...relay, messages, closed, texts: () => messages.map(({ text }) => text) }
}

/** Starts a backend that sends these texts at once, and a server in front of it. */
async function relayToSender(texts: string[], env: Record<string, string> = {}) {
  const { wss, url } = await startWs()
  const { promise: closed, resolve } = Promise.withResolvers<number>()
  wss.on('connection', socket => {
    for (const text of texts) socket.send(text)
    socket.on('close', resolve)
  })
  return { ...(await serve({ UPSTREAM: url, ...env })), closed }
}

const texts = async (client: { next(): Promise<unknown> }, count: number) => {
  const all: unknown[] = []
  while (all.length < count) all.push(await client.next())
  return all
}

const numbers = Array.from({ length: 100 }, (_, i) => `${i}`)

describe('faults of the messages of the backend', () => {
  test('delay keeps each back, and the close frame behind them', async () => {
    const { wss, url } = await startWs()
    wss.on('connection', socket => {
      socket.send('one')
      socket.send('two')
      socket.close(4000, 'done')
    })
    const relay = await serve({ UPSTREAM: url })
    const begin = performance.now()
    const client = await connect(`${relay.url}?delay=300ms`)
    expect(await texts(client, 2)).toEqual(['one', 'two'])
    expect(performance.now() - begin).toBeGreaterThanOrEqual(299)
    expect(await client.closed).toMatchObject({ code: 4000, reason: 'done' })
  })

  test('loss drops a share of them, the same with the same seed', async () => {
    const { url } = await relayToSender([...numbers, 'end'])
    const sequences = []
    for (let i = 0; i < 2; i++) {
      const client = await connect(`${url}?loss=0.5&seed=7`)
      const came: unknown[] = []
      while (came.length < 40) came.push(await client.next())
      sequences.push(came)
    }
    expect(sequences[0]).toEqual(sequences[1])
    expect(sequences[0]).not.toEqual(numbers.slice(0, 40))
  })

  test('repeat sends each several times', async () => {
    const { url } = await relayToSender(['one', 'two'])
    expect(await texts(await connect(`${url}?repeat=3`), 6)).toEqual(['one', 'one', 'one', 'two', 'two', 'two'])
  })

  test('fragment, slice and rate change how they are sent', async () => {
    const { url } = await relayToSender(['0123456789'])
    const raw = await connectRaw(`${url}?fragment=4&slice=3&rate=1KiB`)
    expect([await raw.frame(), await raw.frame(), await raw.frame()].map(({ payload }) => String(payload))).toEqual([
      '0123',
      '4567',
      '89',
    ])
  })

  test('close happens after the number of messages that the backend has sent, and the backend gets its answer', async () => {
    const { url, closed, log } = await relayToSender(numbers)
    const client = await connect(`${url}?close=1011&reason=boom&after=3`)
    expect(await texts(client, 3)).toEqual(['0', '1', '2'])
    expect(await client.closed).toMatchObject({ code: 1011, reason: 'boom' })
    expect(await closed).toBe(1011)
    expect(log).toContainEqual(expect.objectContaining({ msg: 'Triggered a fault', fault: 'close=1011' }))
  })

  test('drop ends the client without a close frame, and the backend as well', async () => {
    const { url, closed } = await relayToSender(['one'])
    const client = await connect(`${url}?drop=rst&after=1`)
    expect(await client.next()).toBe('one')
    expect(await client.closed).toMatchObject({ code: 1006 })
    expect(await closed).toBe(1006)
  })

  test('corrupt replaces one of them', async () => {
    const { url } = await relayToSender(['one', 'two'])
    const raw = await connectRaw(`${url}?corrupt=rsv&after=1`)
    expect(String((await raw.frame()).payload)).toBe('one')
    expect(await raw.frame()).toMatchObject({ rsv: 2, payload: Buffer.from('two') })
  })

  test('hello, message and tick come before and between them', async () => {
    const { url } = await relayToRecorder()
    const client = await connect(`${url}x?hello&message=first&tick=50ms`)
    expect(JSON.parse(String(await client.next()))).toMatchObject({ path: '/x' })
    client.socket.send('echo')
    expect(['echo', 'first']).toContain(await client.next())
  })

  test('faults of the handshake change the 101', async () => {
    const { url } = await relayToSender(['one'])
    const raw = await connectRaw(`${url}?header=X-Own:1&handshake-delay=50ms&subprotocol=b`, {
      'Sec-WebSocket-Protocol': 'a, b',
    })
    expect(raw.head).toContain('X-Own: 1')
    expect(raw.head).toContain('Sec-WebSocket-Protocol: b')
    expect(String((await raw.frame()).payload)).toBe('one')
  })

  test('close-reply changes the answer to the client', async () => {
    const { url, closed } = await relayToRecorder()
    const client = await connect(`${url}?close-reply=1011`)
    client.socket.close(1000, 'bye')
    expect(await client.closed).toMatchObject({ code: 1011 })
    expect(await closed).toEqual({ code: 1000, reason: 'bye' })
  })
})

describe('faults of the messages from the client', () => {
  test('up-delay keeps each back, in order, and the close frame behind them', async () => {
    const { url, messages, closed } = await relayToRecorder()
    const client = await connect(`${url}?up-delay=200ms`)
    const begin = performance.now()
    client.socket.send('one')
    client.socket.send('two')
    client.socket.close(4001, 'done')
    expect(await closed).toEqual({ code: 4001, reason: 'done' })
    expect(messages.map(({ text }) => text)).toEqual(['one', 'two'])
    for (const { at } of messages) expect(at - begin).toBeGreaterThanOrEqual(199)
  })

  test('up-loss drops a share of them, the same with the same seed, and not that of loss', async () => {
    const { url, texts: received, messages } = await relayToRecorder()
    const seen: string[][] = []
    for (const query of ['up-loss=0.5&seed=7', 'up-loss=0.5&seed=7', 'loss=0.5&seed=7']) {
      messages.length = 0
      const client = await connect(`${url}?${query}`)
      for (const text of numbers) client.socket.send(text)
      client.socket.close()
      await client.closed
      seen.push(received())
    }
    expect(seen[0]).toEqual(seen[1])
    expect(seen[0]?.length).toBeGreaterThan(20)
    expect(seen[0]?.length).toBeLessThan(80)
    expect(seen[2]).toEqual(numbers)
  })

  test('up-rate limits the bytes per second', async () => {
    const { url, messages } = await relayToRecorder()
    const raw = await connectRaw(`${url}?up-rate=50000`)
    const begin = performance.now()
    raw.socket.write(frame(text, 'x'.repeat(20_000)))
    await expect.poll(() => messages.length).toBe(1)
    expect((messages[0]?.at ?? 0) - begin).toBeGreaterThan(350)
  })

  test('up-close sends a close frame to the backend, whose answer the client gets', async () => {
    const { url, closed, texts: received, log } = await relayToRecorder()
    const client = await connect(`${url}?up-close=4002&up-reason=enough&up-after=2`)
    for (const text of ['one', 'two', 'three']) client.socket.send(text)
    expect(await client.closed).toMatchObject({ code: 4002 })
    expect(await closed).toEqual({ code: 4002, reason: 'enough' })
    expect(received()).toEqual(['one', 'two'])
    expect(log).toContainEqual(expect.objectContaining({ connection: 1, fault: 'up-close=4002' }))
  })

  test.for([
    ['utf8', 0x81, 'ff'],
    ['rsv', 0xa1, '6f6e65'],
    ['opcode', 0x83, '6f6e65'],
    ['continuation', 0x80, '6f6e65'],
    ['ping', 0x89, '70'.repeat(126)],
    ['fragmented-ping', 0x09, '68616c66'],
    ['close-code', 0x88, '03ed'],
    ['close-1', 0x88, '03'],
    ['close-utf8', 0x88, '03e8ff'],
    ['deflate', 0xc2, 'ffff'],
  ] as const)('up-corrupt=%s replaces one by a masked frame that is invalid', async ([kind, first, payload]) => {
    const { promise, resolve } = Promise.withResolvers<Buffer>()
    const backend = await startRaw((socket, request) => {
      socket.write(answerTo(request))
      socket.resume().on('data', resolve)
    })
    const { url } = await serve({ UPSTREAM: backend.url })
    const raw = await connectRaw(`${url}?up-corrupt=${kind}`)
    raw.socket.write(frame(text, 'one'))
    const bytes = await promise
    const at = (bytes[1] as number) === 0xfe ? 4 : 2
    expect([bytes[0], (bytes[1] as number) >> 7]).toEqual([first, 1])
    const unmasked = Buffer.from(bytes.subarray(at + 4).map((byte, i) => byte ^ (bytes[at + (i & 3)] as number)))
    expect(unmasked.toString('hex')).toBe(payload)
  })

  test.for([
    ['mask', /^81036f6e65$/],
    ['length', /^81ff80{15}[0-9a-f]{8}$/],
    ['unfinished', /^8183[0-9a-f]{6}$/],
    ['text-in-fragment', /^0181[0-9a-f]{10}8186[0-9a-f]{20}$/],
  ] as const)('up-corrupt=%s sends these bytes', async ([kind, pattern]) => {
    let hex = ''
    const backend = await startRaw((socket, request) => {
      socket.write(answerTo(request))
      socket.resume().on('data', chunk => (hex += chunk.toString('hex')))
    })
    const { url } = await serve({ UPSTREAM: backend.url })
    const raw = await connectRaw(`${url}?up-corrupt=${kind}`)
    raw.socket.write(frame(text, 'one'))
    await expect.poll(() => hex).toMatch(pattern)
  })

  test('up-corrupt breaks the connection to a backend that keeps the protocol, and the client loses it', async () => {
    const { url, closed } = await relayToRecorder()
    const client = await connect(`${url}?up-corrupt=rsv&up-after=1`)
    client.socket.send('one')
    client.socket.send('two')
    expect(await client.next()).toBe('one')
    expect(await client.closed).toMatchObject({ code: 1002 })
    expect((await closed).code).toBe(1006)
  })

  test('both directions have faults of their own', async () => {
    const { url, texts: received } = await relayToRecorder()
    const client = await connect(`${url}?repeat=2&up-delay=20ms&delay=20ms`)
    client.socket.send('one')
    expect(await texts(client, 2)).toEqual(['one', 'one'])
    expect(received()).toEqual(['one'])
  })

  test('faults that the control port sets apply to them, too', async () => {
    const { url, control, closed } = await relayToRecorder(CONTROL)
    const body = JSON.stringify({ 'up-close': 4003, 'up-after': 1, delay: '1ms' })
    const headers = { 'Content-Type': 'application/json' }
    expect((await fetch(`${control}faults`, { method: 'PUT', headers, body })).status).toBe(200)
    const client = await connect(url)
    client.socket.send('one')
    expect((await closed).code).toBe(4003)
    const journal = await (await fetch(`${control}messages`)).json()
    expect(
      journal.faults.map(({ fault, connection, address }: Record<string, unknown>) => [fault, connection, address]),
    ).toEqual([
      ['delay=1ms', 1, '127.0.0.1'],
      ['up-close=4003', 1, '127.0.0.1'],
    ])
    expect(await (await fetch(`${control}metrics`)).text()).toContain('websocket_faults_total{fault="up-close"} 1')
  })

  test.for([
    ['up-after=1', 'up-after needs one of up-close, up-corrupt'],
    ['up-reason=x', 'up-reason needs up-close'],
    ['up-close=1000&up-corrupt=rsv', 'up-close, up-corrupt: use only one of up-close, up-corrupt'],
    ['up-close=1005', '"up-close=1005": expected a close code: 1000 to 1003, 1007 to 1014 or 3000 to 4999'],
    ['up-rate=1KiB&read-rate=1KiB', 'read-rate, up-rate: use only one of read-rate, up-rate'],
  ] as const)('%s is refused', async ([query, problem]) => {
    const { http } = await serve()
    const response = await fetch(`${http}?${query}`, { headers: { Accept: 'text/plain' } })
    expect([response.status, (await response.text()).trim()]).toEqual([400, problem])
  })

  test('up-rate takes the place of a read-rate that the control port sets, and the other way round', async () => {
    const { url, control, log } = await serve(CONTROL)
    for (const [name, other] of [
      ['read-rate', 'up-rate'],
      ['up-rate', 'read-rate'],
    ] as const) {
      const headers = { 'Content-Type': 'application/json' }
      await fetch(`${control}faults`, { method: 'PUT', headers, body: JSON.stringify({ [name]: '1KiB' }) })
      const client = await connect(`${url}?${other}=1MiB`)
      client.socket.send('x'.repeat(10_000))
      expect(await client.next()).toHaveLength(10_006)
    }
    expect(log.filter(({ msg }) => msg === 'Connected!')).toMatchObject([
      { faults: 'up-rate=1MiB' },
      { faults: 'read-rate=1MiB' },
    ])
  })

  test('an end of each direction goes together: close and up-corrupt', async () => {
    const { url } = await relayToRecorder()
    const client = await connect(`${url}?up-corrupt=rsv&up-after=5&close=4004&after=1`)
    client.socket.send('one')
    expect(await client.closed).toMatchObject({ code: 4004 })
  })
})

describe('faults on the way in to the echo', () => {
  test('up-delay delays messages before they are answered, and the close frame behind them', async () => {
    const { url } = await serve()
    const client = await connect(`${url}?up-delay=150ms&repeat=2`)
    const begin = performance.now()
    client.socket.send('one')
    client.socket.close(4000)
    expect(await texts(client, 2)).toEqual(['[RE]: one', '[RE]: one'])
    expect(performance.now() - begin).toBeGreaterThanOrEqual(149)
    expect(await client.closed).toMatchObject({ code: 4000 })
  })

  test('up-loss loses messages', async () => {
    const { url } = await serve()
    const client = await connect(`${url}?up-loss=1`)
    client.socket.send('one')
    client.socket.close(1000)
    await expect(client.next()).rejects.toThrow('closed with 1000')
  })

  test('up-close is answered like a close frame of the client', async () => {
    const { url, log } = await serve()
    const client = await connect(`${url}?up-close=4005&up-reason=why&up-after=1`)
    client.socket.send('one')
    expect(await client.next()).toBe('[RE]: one')
    expect(await client.closed).toMatchObject({ code: 4005, reason: 'why', wasClean: true })
    await expect.poll(() => log.at(-1)).toMatchObject({ msg: 'Disconnected', code: 4005 })
  })

  test.for([
    ['utf8', 1007],
    ['rsv', 1002],
    ['opcode', 1002],
    ['mask', 1002],
    ['length', 1009],
    ['continuation', 1002],
    ['text-in-fragment', 1002],
    ['deflate', 1002],
    ['ping', 1002],
    ['fragmented-ping', 1002],
    ['close-code', 1002],
    ['close-1', 1002],
    ['close-utf8', 1007],
  ] as const)('up-corrupt=%s is answered like a violation of the client, with %d', async ([kind, code]) => {
    const { url, log } = await serve()
    const raw = await connectRaw(`${url}?up-corrupt=${kind}&up-after=1`)
    raw.socket.write(Buffer.concat([frame(text, 'one'), frame(text, 'two'), frame(text, 'three')]))
    expect(String((await raw.frame()).payload)).toBe('[RE]: one')
    expect(await raw.frame()).toMatchObject({ opcode: close, payload: closePayload(code) })
    expect(log.map(({ msg }) => msg)).toEqual(['Connected!', 'Triggered a fault', 'Failed the connection'])
  })

  test('up-corrupt=unfinished ends the connection without a close frame', async () => {
    const { url } = await serve()
    const raw = await connectRaw(`${url}?up-corrupt=unfinished`)
    raw.socket.write(frame(text, 'one'))
    expect(await raw.end()).toHaveLength(0)
  })

  test('up-corrupt=deflate is inflated if compression was agreed', async () => {
    const { url } = await serve()
    const raw = await connectRaw(`${url}?up-corrupt=deflate`, { 'Sec-WebSocket-Extensions': 'permessage-deflate' })
    raw.socket.write(frame(text, 'one'))
    expect(await raw.frame()).toMatchObject({ opcode: close, payload: closePayload(1007) })
  })

  test('up-rate limits how fast messages arrive', async () => {
    const { url } = await serve()
    const raw = await connectRaw(`${url}?up-rate=50000`)
    const begin = performance.now()
    raw.socket.write(frame(text, 'x'.repeat(20_000)))
    await raw.frame()
    expect(performance.now() - begin).toBeGreaterThan(350)
  })

  test('messages that wait are dropped when the client is gone', async () => {
    const { url, registry } = await serve()
    const raw = await connectRaw(`${url}?up-delay=5m`)
    for (let i = 0; i < 100; i++) raw.socket.write(frame(text, 'x'.repeat(1000)))
    await expect.poll(() => registry.budget.bytes).toBeGreaterThan(100_000)
    raw.socket.resetAndDestroy()
    await expect.poll(() => registry.budget.bytes).toBe(0)
  })
})

describe('what the server shows of a relay', () => {
  test('the log marks the lines about the backend', async () => {
    const { url, log } = await relayToRecorder({ LOG_LEVEL: 'debug' })
    const client = await connect(`${url}chat?token=1`)
    client.socket.send('hello')
    expect(await client.next()).toBe('hello')
    client.socket.close(4000, 'bye')
    await client.closed
    await expect.poll(() => log.filter(({ msg }) => msg === 'Disconnected')).toHaveLength(2)
    const lines = log.map(({ time, level, address, ...line }) => line)
    expect(lines.slice(0, 6)).toEqual([
      { connection: 1, path: '/chat', msg: 'Connected!' },
      { connection: 1, side: 'backend', path: '/chat', msg: 'Connected!' },
      { connection: 1, msg: 'Message received : hello' },
      { connection: 1, side: 'backend', msg: 'Passed on a message' },
      { connection: 1, side: 'backend', msg: 'Message received : hello' },
      { connection: 1, msg: 'Passed on a message' },
    ])
    expect(lines.slice(6)).toEqual(
      expect.arrayContaining([
        { connection: 1, side: 'backend', code: 4000, reason: 'bye', messages: 1, msg: 'Disconnected' },
        { connection: 1, code: 4000, reason: 'bye', messages: 1, msg: 'Disconnected' },
      ]),
    )
  })

  test('the journal has both directions', async () => {
    const { url, control } = await relayToRecorder(CONTROL)
    const client = await connect(`${url}?test-id=mine`)
    client.socket.send('hello')
    await client.next()
    client.socket.close(4000, 'bye')
    await client.closed
    const entries = async () => {
      const { messages } = await (await fetch(`${control}messages?for=mine`)).json()
      return messages.map(({ from, opcode, text, code, connection }: Record<string, unknown>) => [
        ...[connection, from, opcode, text, code],
      ])
    }
    await expect.poll(entries).toHaveLength(4)
    expect(await entries()).toEqual(
      expect.arrayContaining([
        [1, undefined, 'text', 'hello', undefined],
        [1, 'backend', 'text', 'hello', undefined],
        [1, undefined, 'close', 'bye', 4000],
        [1, 'backend', 'close', 'bye', 4000],
      ]),
    )
  })

  test('GET /connections has the state of the connection to the backend', async () => {
    const { url, control } = await relayToRecorder(CONTROL)
    const client = await connect(`${url}?token=1`)
    client.socket.send('hello')
    await client.next()
    const plain = await connect(`${url}echo`)
    plain.socket.send('x')
    await plain.next()
    const { connections } = await (await fetch(`${control}connections`)).json()
    expect(connections).toMatchObject([
      {
        query: 'token=1',
        faults: null,
        received: { texts: 1, textBytes: 5 },
        upstream: {
          address: '127.0.0.1',
          isOpen: true,
          subprotocol: null,
          extensions: 'permessage-deflate',
          received: { texts: 1, textBytes: 5, binaries: 0 },
          sent: { texts: 1, textBytes: 5 },
          bufferedBytes: 0,
          pingRoundTrip: null,
        },
      },
      { upstream: null },
    ])
    expect(connections[0].upstream.bytesRead).toBeGreaterThan(100)
  })

  test('metrics count the connections to the backend apart, and refusals of the backend', async () => {
    const { wss, url } = await startWs({ verifyClient: ({ req }: { req: IncomingMessage }) => req.url !== '/no' })
    let backend: Socket | undefined
    wss.on('connection', (socket, { socket: tcp }) => {
      backend = tcp
      for (let i = 0; i < 3; i++) socket.send('abc')
    })
    const relay = await serve({ UPSTREAM: url, ...CONTROL })
    const client = await connect(relay.url)
    await texts(client, 3)
    await connectRaw(`${relay.url}no`)
    const metrics = async () => (await fetch(`${relay.control}metrics`)).text()
    for (const line of [
      'websocket_connections_open 1',
      '# HELP websocket_connections_open Open connections',
      '# HELP websocket_upstream_connections_open Open connections (backend)',
      'websocket_upstream_connections_open 1',
      'websocket_handshakes_total{outcome="accepted"} 1',
      'websocket_handshakes_total{outcome="upstream"} 1',
      'websocket_messages_total{direction="sent",opcode="text"} 3',
      'websocket_messages_total{direction="received",opcode="text"} 0',
      'websocket_upstream_messages_total{direction="received",opcode="text"} 3',
      'websocket_upstream_message_bytes_total{direction="received",opcode="text"} 9',
      'websocket_upstream_messages_total{direction="sent",opcode="text"} 0',
    ]) {
      expect(await metrics()).toContain(`\n${line}\n`)
    }
    backend?.destroy()
    await client.closed
    await expect.poll(metrics).toContain('\nwebsocket_upstream_closes_total{code="1006"} 1\n')
    expect(await (await fetch(`${(await serve(CONTROL)).control}metrics`)).text()).not.toContain('upstream')
  })

  test('the control port pushes to the client, and closes both connections', async () => {
    const { url, control, closed, texts: received } = await relayToRecorder(CONTROL)
    const client = await connect(url)
    const headers = { 'Content-Type': 'text/plain' }
    await fetch(`${control}messages`, { method: 'POST', body: 'pushed', headers })
    expect(await client.next()).toBe('pushed')
    await fetch(`${control}connections?code=4006&reason=test`, { method: 'DELETE' })
    expect(await client.closed).toMatchObject({ code: 4006, reason: 'test' })
    expect(await closed).toMatchObject({ code: 4006 })
    expect(received()).toEqual([])
  })
})
