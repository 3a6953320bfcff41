import { createConnection } from 'node:net'
import { describe, expect, test } from 'vitest'
import { connectRaw, frame, opcodes } from '../suite/raw-client.ts'
import { connectIo, openSession, PATH, transports, upgraded } from '../suite/socket-io-client.ts'
import { serve } from './serve.ts'

const UPGRADE = 'socket.io/?EIO=4&transport=websocket'

const linesAbout = (log: Record<string, unknown>[], msg: string) => log.filter(line => line.msg === msg)

/** Sends raw requests, and leaves once the answers contain a text or the server has ended the connection. */
async function exchange(port: number, requests: string, until?: string): Promise<string> {
  const socket = createConnection(port, '127.0.0.1')
  socket.on('error', () => {}).write(requests)
  let answers = ''
  for await (const chunk of socket) {
    answers += chunk
    if (until && answers.includes(until)) break
  }
  return answers
}

describe('the query', () => {
  test.for(['sid=', 'sid=&sid=x'])('%s opens a session, once in the log and within MAX_CONNECTIONS', async query => {
    const { http, log, registry } = await serve({ MAX_CONNECTIONS: '1' })
    const response = await fetch(`${http}${PATH}&${query}`)
    expect(response.status).toBe(200)
    expect(linesAbout(log, 'Connected!')).toHaveLength(1)
    expect(registry.size).toBe(1)
    await expect.poll(async () => (await fetch(`${http}${PATH}&${query}`)).status).toBe(503)
  })

  test('only the first id of a session counts', async () => {
    const { http, log, registry } = await serve()
    const { sid } = await openSession(http)
    expect((await fetch(`${http}${PATH}&sid=${sid}&sid=`, { method: 'POST', body: '42["a"]' })).status).toBe(200)
    expect((await fetch(`${http}${PATH}&sid=unknown&sid=${sid}`)).status).toBe(400)
    expect(registry.size).toBe(1)
    expect(linesAbout(log, 'Connected!')).toHaveLength(1)
  })

  test('j does not turn the answer into a script', async () => {
    const { http } = await serve()
    expect(await (await fetch(`${http}${PATH}&j=0`)).text()).toMatch(/^0\{/)
  })
})

describe('requests of an open session', () => {
  test.for(['PUT', 'DELETE', 'HEAD'])('%s gets 405, and the session goes on', async method => {
    const { http } = await serve()
    const session = await openSession(http)
    const response = await session.ask({ method })
    expect(response.status).toBe(405)
    expect(response.headers.get('allow')).toBe('GET, POST')
    await session.post('42["a"]')
    expect(await session.poll()).toBe('42["a"]')
  })

  test.for(['GET', 'POST'])('a plain %s to a session with a WebSocket gets 400', async method => {
    const { http } = await serve()
    const client = await connectIo(http, { transports: ['websocket'] })
    for (const transport of ['websocket', 'polling']) {
      const response = await fetch(`${http}socket.io/?EIO=4&transport=${transport}&sid=${client.socket.io.engine.id}`, {
        method,
        signal: AbortSignal.timeout(1000),
      })
      expect(response.status).toBe(400)
    }
    expect(await client.socket.emitWithAck('a', 'hi')).toBe('hi')
  })

  test.for(['polling', 'foo', '__proto__'])('a handshake with transport=%s gets 400', async transport => {
    const { http, url } = await serve()
    const session = await openSession(http)
    const { head } = await connectRaw(`${url}socket.io/?EIO=4&transport=${transport}&sid=${session.sid}`)
    expect(head).toMatch(/^HTTP\/1.1 400 /)
    await session.post('42["a"]')
    expect(await session.poll()).toBe('42["a"]')
  })

  test('a WebSocket that was to take over ends with its session', async () => {
    const { http, url, registry } = await serve()
    const session = await openSession(http)
    const candidate = await connectRaw(`${url}${UPGRADE}&sid=${session.sid}`)
    await session.post('1')
    await candidate.end()
    expect(registry.size).toBe(0)
    expect(registry.budget.bytes).toBe(0)
  })

  test('a poll that waits is answered when the client closes the session', async () => {
    const { http, registry } = await serve()
    const session = await openSession(http)
    const polled = session.poll()
    await session.post('42["a"]')
    expect(await polled).toBe('42["a"]')
    const last = session.poll()
    // The poll has arrived when the answer to a later request has.
    await fetch(`${http}healthz`)
    expect(await (await session.post('1')).text()).toBe('ok')
    expect(await last).toBe('1')
    await expect.poll(() => registry.size).toBe(0)
  })

  test('a session that nobody polls ends after it was closed, even without a heartbeat', async () => {
    const { http, control, registry } = await serve({
      CONTROL_PORT: '0',
      HEARTBEAT_INTERVAL: '0',
      STALL_TIMEOUT: '200ms',
    })
    const session = await openSession(http)
    await session.post('42["a"]')
    await fetch(`${control}connections`, { method: 'DELETE' })
    await expect.poll(() => registry.size).toBe(0)
    expect(registry.budget.bytes).toBe(0)
  })
})

describe('events', () => {
  test.for(Object.entries(transports))(
    'over %s, an attachment that is used twice ends the session',
    async ([name, transports]) => {
      const { http, log, registry } = await serve()
      const client = await connectIo(http, { transports: [...transports] })
      if (name === 'both transports') await upgraded(client)
      const { engine } = client.socket.io
      const placeholders = Array(20_000).fill({ _placeholder: true, num: 0 })
      engine.write(`51-${JSON.stringify(['a', placeholders])}`)
      engine.write(Buffer.alloc(500_000))
      expect(await client.disconnected).toMatch(/^transport (close|error)$/)
      await expect
        .poll(() => linesAbout(log, 'Failed the connection'))
        .toEqual([expect.objectContaining({ problem: 'An event uses an attachment more than once' })])
      await expect.poll(() => registry.size).toBe(0)
      expect(registry.budget.bytes).toBe(0)
    },
  )

  test('an event is nested a thousand levels deep at most', async () => {
    const { http, log, registry } = await serve()
    const nested = (depth: number) => `42["a",${'['.repeat(depth)}${']'.repeat(depth)}]`
    const session = await openSession(http, '&delay=1ms')
    await session.post(nested(1000))
    expect(await session.poll()).toBe(nested(1000))
    await session.post(nested(1001))
    await expect.poll(() => registry.size).toBe(0)
    expect(linesAbout(log, 'Failed the connection')).toEqual([
      expect.objectContaining({ problem: 'The arguments of an event are nested too deeply' }),
    ])
  })

  test('a delayed event counts with the memory that its arguments take', async () => {
    const { http, registry } = await serve()
    const session = await openSession(http, '&delay=1m')
    const before = registry.budget.bytes
    await session.post(`42["a",[${'{},'.repeat(10_000)}{}]]`)
    await expect.poll(() => registry.budget.bytes - before).toBeGreaterThan(500_000)
  })

  test('each namespace counts towards the memory budget until the client leaves it', async () => {
    const { http, registry } = await serve()
    const session = await openSession(http)
    const before = registry.budget.bytes
    await session.post(Array.from({ length: 50 }, (_, i) => `40/${i},`).join('\x1e'))
    await expect.poll(() => registry.budget.bytes - before).toBeGreaterThan(50 * 4096)
    await session.poll()
    await session.post(Array.from({ length: 50 }, (_, i) => `41/${i},`).join('\x1e'))
    await expect.poll(() => registry.budget.bytes).toBe(before)
  })

  test.for(['__proto__', 'constructor', 'toString', 'error', 'connection', 'new_namespace', 'hasOwnProperty', '', 5])(
    'an event named %s comes back',
    async name => {
      const { http } = await serve()
      const session = await openSession(http)
      await session.post(`421${JSON.stringify([name, { constructor: 1 }])}`)
      expect(await session.poll()).toBe(`42${JSON.stringify([name, { constructor: 1 }])}\x1e431[{"constructor":1}]`)
    },
  )

  test.for(['connect', 'connect_error', 'disconnect', 'disconnecting', 'newListener', 'removeListener'])(
    'an event with the reserved name %s ends the session',
    async name => {
      const { http, registry, log } = await serve()
      const session = await openSession(http)
      await session.post(`42["${name}"]`)
      expect(await session.poll()).toMatch(/1$/)
      await expect.poll(() => registry.size).toBe(0)
      expect(linesAbout(log, 'Failed the connection')[0]).toMatchObject({ problem: 'A packet is invalid' })
    },
  )

  test.for(['/__proto__', '/constructor', '/_0', '/_1'])('a namespace may be named %s', async name => {
    const { http } = await serve()
    const session = await openSession(http)
    await session.post(`40${name},`)
    expect(await session.poll()).toMatch(`40${name},{"sid":`)
    await session.post(`42${name},["a"]`)
    expect(await session.poll()).toBe(`42${name},["a"]`)
  })
})

describe('the log', () => {
  test.for(['2', '9', '4x', '40{"', '42', '451-["a"]'])('names a session’s packet %s invalid', async packet => {
    const { url, log, registry } = await serve()
    const client = await connectRaw(`${url}${UPGRADE}`)
    client.socket.write(frame(opcodes.text, '40'))
    await client.frame()
    await client.frame()
    client.socket.write(Buffer.concat([frame(opcodes.text, packet), frame(opcodes.text, '42["a"]')]))
    client.socket.end()
    await expect.poll(() => registry.size).toBe(0)
    expect(linesAbout(log, 'Failed the connection')).toEqual([
      expect.objectContaining({ problem: 'A packet is invalid' }),
    ])
  })

  test('names two polls at a time, and a client that left during a poll', async () => {
    const { http, port, log, registry } = await serve()
    const first = await openSession(http)
    await Promise.allSettled([first.poll(), first.poll()])
    await expect.poll(() => registry.size).toBe(0)
    const second = await openSession(http)
    const preflight = `OPTIONS /${PATH} HTTP/1.1\r\nHost: a\r\nAccess-Control-Request-Method: GET\r\n\r\n`
    // The poll has arrived by the time that the request before it is answered.
    await exchange(port, `${preflight}GET /${PATH}&sid=${second.sid} HTTP/1.1\r\nHost: a\r\n\r\n`, ' 204 ')
    await expect.poll(() => registry.size).toBe(0)
    expect(linesAbout(log, 'Failed the connection').map(({ problem }) => problem)).toEqual([
      'A poll came before the last one was answered',
      'The client left in the middle of a request',
    ])
  })
})

test.for([
  ['long polling', ['polling']],
  ['WebSocket', ['websocket']],
] as const)('over %s, an event has 16 MiB at most, even if MAX_PAYLOAD allows more', async ([, transports]) => {
  const { http, log } = await serve({ MAX_PAYLOAD: '64MiB', MEMORY_BUDGET: '512MiB' })
  const client = await connectIo(http, { transports: [...transports] })
  client.socket.emit('large', 'x'.repeat(2 ** 24))
  await client.disconnected
  await expect
    .poll(() => linesAbout(log, 'Failed the connection'))
    .toEqual([expect.objectContaining({ problem: expect.stringContaining('Max payload size exceeded') })])
})

test.for([
  ['long polling', ['polling']],
  ['WebSocket', ['websocket']],
] as const)(
  'over %s, the log does not blame a client for an answer that the server did not read',
  async ([, transports]) => {
    const { http, log, registry } = await serve({ HEARTBEAT_INTERVAL: '300ms', HIGH_WATER_MARK: '64KiB' })
    const client = await connectIo(http, { transports: [...transports], query: { delay: '1m' } })
    for (let i = 0; i < 3; i++) client.socket.emit('large', 'x'.repeat(100_000))
    await expect.poll(() => registry.size).toBe(0)
    for (const { problem } of linesAbout(log, 'Failed the connection')) {
      expect(problem).toBe('Too much waits for the client to read its answers to pings')
    }
    expect(registry.budget.bytes).toBe(0)
  },
)

describe('a fault', () => {
  test.for(Object.entries(transports))(
    'over %s, stall does not claim that the client left a ping unanswered',
    async ([, transports]) => {
      const { http, log, registry } = await serve({ HEARTBEAT_INTERVAL: '200ms' })
      const client = await connectIo(http, { transports: [...transports], query: { stall: '', after: '1' } })
      client.socket.emit('a')
      // A client that waits for longer than the server.
      Object.assign(client.socket.io.engine, { _resetPingTimeout() {} })
      await expect.poll(() => registry.size).toBe(0)
      expect(linesAbout(log, 'Failed the connection')).toEqual([])
      expect(linesAbout(log, 'Disconnected')).toHaveLength(1)
    },
  )
})

describe('memory', () => {
  test('a WebSocket that was to take over counts for its session', async () => {
    const { http, url, registry } = await serve()
    const session = await openSession(http)
    const [open] = registry
    const before = open?.holding ?? 0
    const candidate = await connectRaw(`${url}${UPGRADE}&sid=${session.sid}`)
    candidate.socket.write(frame(opcodes.text, 'x'.repeat(500_000)).subarray(0, 400_000))
    await expect.poll(() => registry.budget.bytes).toBeGreaterThan(400_000)
    expect(open?.holding).toBeGreaterThan(before + 390_000)
    candidate.socket.destroy()
    await expect.poll(() => open?.holding).toBe(before)
  })

  test('the rest of a request still counts when the session has moved to a WebSocket', async () => {
    const { http, url, registry } = await serve()
    const session = await openSession(http)
    const body = new ReadableStream({
      start: controller => controller.enqueue(Buffer.from(`42["a","${'x'.repeat(400_000)}`)),
    })
    const posted = session.ask({ method: 'POST', body, duplex: 'half' } as RequestInit).catch(() => {})
    await expect.poll(() => registry.budget.bytes).toBeGreaterThan(400_000)
    const polled = session.poll()
    const webSocket = await connectRaw(`${url}${UPGRADE}&sid=${session.sid}`)
    webSocket.socket.write(frame(opcodes.text, '2probe'))
    expect(String((await webSocket.frame()).payload)).toBe('3probe')
    expect(await polled).toBe('6')
    webSocket.socket.write(Buffer.concat([frame(opcodes.text, '5'), frame(opcodes.text, '42["b"]')]))
    expect(String((await webSocket.frame()).payload)).toBe('42["b"]')
    expect(registry.budget.bytes).toBeGreaterThan(400_000)
    webSocket.socket.destroy()
    await expect.poll(() => registry.size).toBe(0)
    await posted
    expect(registry.budget.bytes).toBe(0)
  })
})

test('delayed replies count, and arrive, when their session has moved to a WebSocket', async () => {
  const { http, url, registry } = await serve()
  const session = await openSession(http, '&delay=1s')
  const before = registry.budget.bytes
  await session.post(`42["a","${'x'.repeat(100_000)}"]`)
  const webSocket = await connectRaw(`${url}${UPGRADE}&sid=${session.sid}`)
  webSocket.socket.write(frame(opcodes.text, '2probe'))
  expect(String((await webSocket.frame()).payload)).toBe('3probe')
  webSocket.socket.write(Buffer.concat([frame(opcodes.text, '5'), frame(opcodes.ping, 'hi')]))
  expect((await webSocket.frame()).opcode).toBe(opcodes.pong)
  const [open] = registry
  expect(open?.waiting).toBeGreaterThan(100_000)
  expect(String((await webSocket.frame()).payload)).toMatch(/^42\["a"/)
  await expect.poll(() => open?.waiting).toBe(0)
  expect(registry.budget.bytes).toBeLessThan(before + 4096)
  webSocket.socket.destroy()
  await expect.poll(() => registry.size).toBe(0)
  expect(registry.budget.bytes).toBe(0)
})

test('bodies that never end are given up, and their sessions end', async () => {
  const { port, http, registry } = await serve({}, { handshakeTimeout: 500 })
  const session = await openSession(http)
  const answer = await exchange(
    port,
    `POST /${PATH}&sid=${session.sid} HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n42`,
  )
  expect(answer).not.toContain('200 OK')
  await expect.poll(() => registry.size).toBe(0)
  expect(registry.budget.bytes).toBe(0)
})
