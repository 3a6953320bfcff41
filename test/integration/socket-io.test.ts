import { describe, expect, test, vi } from 'vitest'
import { connect } from '../suite/client.ts'
import { connectRaw, frame, opcodes } from '../suite/raw-client.ts'
import { connectIo, openSession, PATH, transports, upgraded } from '../suite/socket-io-client.ts'
import { serve } from './serve.ts'

type Session = Awaited<ReturnType<typeof openSession>>

const DISCONNECT = '1'

const statusOf = async (url: string, init?: RequestInit) => (await fetch(url, init)).status

/** The lines of a log about a session, without the events that vary. */
const linesAbout = (log: Record<string, unknown>[], msg: string) => log.filter(line => line.msg === msg)

describe.for(Object.entries(transports))('over %s', ([name, transports]) => {
  test('events come back by their name with their arguments', async () => {
    const { http } = await serve()
    const { socket, next } = await connectIo(http, { transports: [...transports] })
    socket.emit('chat', 'hi', 1, null, { a: [true] })
    expect(await next()).toEqual(['chat', 'hi', 1, null, { a: [true] }])
    socket.emit('nothing')
    expect(await next()).toEqual(['nothing'])
    socket.emit('message', 'hi', 5, 'you')
    expect(await next()).toEqual(['message', '[RE]: hi', 5, '[RE]: you'])
    socket.send('hi')
    expect(await next()).toEqual(['message', '[RE]: hi'])
  })

  test('acknowledgements get the same arguments', async () => {
    const { http } = await serve()
    const { socket } = await connectIo(http, { transports: [...transports] })
    expect(await socket.emitWithAck('chat', 'hi')).toBe('hi')
    expect(await socket.emitWithAck('message', 'hi')).toBe('[RE]: hi')
    expect(await socket.emitWithAck('chat', Buffer.from([1, 2]))).toEqual(Buffer.from([1, 2]))
  })

  test('binary attachments come back as binary', async () => {
    const { http } = await serve()
    const { socket, next } = await connectIo(http, { transports: [...transports] })
    const file = Buffer.alloc(100_000, 7)
    socket.emit('upload', { name: 'a', file }, new Uint8Array([1, 2, 3]))
    expect(await next()).toEqual(['upload', { name: 'a', file }, Buffer.from([1, 2, 3])])
    socket.send(file)
    expect(await next()).toEqual(['message', file])
  })

  test('any namespace answers', async () => {
    const { http } = await serve()
    const { socket, next } = await connectIo(`${http}any/name?of=it`, { transports: [...transports] })
    socket.emit('chat', 'hi')
    expect(await next()).toEqual(['chat', 'hi'])
  })

  test('namespaces of one session answer at the same time, and one can be left', async () => {
    const { http, registry } = await serve()
    const { socket } = await connectIo(http, { transports: [...transports] })
    const others = ['/a', '/b?x=y', '/__proto__'].map(name => socket.io.socket(name))
    await Promise.all(others.map(other => new Promise<void>(resolve => other.on('connect', resolve))))
    const all = [socket, ...others]
    const asked = all.flatMap((one, i) => [one.emitWithAck('chat', i), one.emitWithAck('chat', Buffer.from([i]))])
    expect(await Promise.all(asked)).toEqual(all.flatMap((_, i) => [i, Buffer.from([i])]))
    others[0]?.disconnect()
    expect(await others[1]?.emitWithAck('chat', 'still')).toBe('still')
    expect(registry.size).toBe(1)
  })

  test('a hundred events at once come back in their order', async () => {
    const { http } = await serve()
    const client = await connectIo(http, { transports: [...transports] })
    for (let i = 0; i < 100; i++) client.socket.emit('count', i)
    for (let i = 0; i < 100; i++) expect(await client.next()).toEqual(['count', i])
    if (name !== 'both transports') return
    await upgraded(client)
    client.socket.emit('count', 'on')
    expect(await client.next()).toEqual(['count', 'on'])
  })

  test('a session ends in the log once, when its client disconnects', async () => {
    const { http, log, registry } = await serve()
    const client = await connectIo(http, { transports: [...transports] })
    if (name === 'both transports') await upgraded(client)
    expect(await client.socket.emitWithAck('chat', 'hi')).toBe('hi')
    client.socket.disconnect()
    await expect.poll(() => linesAbout(log, 'Disconnected')).toHaveLength(1)
    expect(linesAbout(log, 'Connected!')).toEqual([
      expect.objectContaining({ connection: 1, protocol: 'socket.io', address: '127.0.0.1', path: '/socket.io/' }),
    ])
    const code = name === 'long polling' ? 1000 : 1005
    expect(linesAbout(log, 'Disconnected')[0]).toMatchObject({
      connection: 1,
      protocol: 'socket.io',
      code,
      messages: 1,
    })
    expect(registry.size).toBe(0)
    expect(registry.budget.bytes).toBe(0)
  })

  test('a client that vanishes leaves nothing behind', async () => {
    const { http, registry, log } = await serve({ HEARTBEAT_INTERVAL: '200ms' })
    const { socket } = await connectIo(http, { transports: [...transports] })
    // It answers no ping from now on, and asks for nothing.
    const { engine } = socket.io
    Object.assign(engine, { _onPacket() {} })
    // Otherwise it might give up first, because no ping reaches it.
    clearTimeout(Reflect.get(engine, '_pingTimeoutTimer'))
    Object.assign(engine.transport, { onPacket() {}, poll() {}, _poll() {} })
    await expect.poll(() => registry.size).toBe(0)
    expect(linesAbout(log, 'Failed the connection')).toEqual([
      expect.objectContaining({ problem: 'No answer since the last ping' }),
    ])
    expect(registry.budget.bytes).toBe(0)
  })

  test('on shutdown the client is disconnected at once, and may reconnect', async () => {
    const { http, server } = await serve({ SHUTDOWN_TIMEOUT: '30s' })
    const client = await connectIo(http, { transports: [...transports] })
    if (name === 'both transports') await upgraded(client)
    await server.close()
    // After this reason a client reconnects on its own.
    expect(await client.disconnected).toMatch(/^transport (close|error)$/)
    expect(await statusOf(http + PATH).catch(() => 'refused')).toBe('refused')
  })

  describe('faults', () => {
    const query = (text: string) => ({
      transports: [...transports],
      query: Object.fromEntries(new URLSearchParams(text)),
    })

    test('delay delays each reply', async () => {
      const { http } = await serve()
      const { socket } = await connectIo(http, query('delay=300ms'))
      const begin = performance.now()
      await socket.emitWithAck('chat', 'hi')
      expect(performance.now() - begin).toBeGreaterThanOrEqual(299)
    })

    test('loss loses replies', async () => {
      const { http, log } = await serve({ LOG_LEVEL: 'debug' })
      const { socket } = await connectIo(http, query('loss=1'))
      socket.emit('chat', 'hi')
      await expect.poll(() => log.at(-1)?.msg).toContain('Message received')
      expect(log.some(({ msg }) => msg === 'Just replied')).toBe(false)
    })

    test('close disconnects the client once it has its replies, and it does not come back', async () => {
      const { http, log } = await serve()
      const { socket, next, disconnected } = await connectIo(http, query('close=1011&after=2&reason=why'))
      socket.emit('a')
      socket.emit('b')
      expect(await next()).toEqual(['a'])
      expect(await next()).toEqual(['b'])
      expect(await disconnected).toBe('io server disconnect')
      await expect.poll(() => linesAbout(log, 'Disconnected')).toHaveLength(1)
      expect(linesAbout(log, 'Triggered a fault')[0]).toMatchObject({ connection: 1, fault: 'close=1011' })
    })

    test.for(['fin', 'rst'])('drop=%s ends the connection after the replies', async how => {
      const { http, registry } = await serve()
      const client = await connectIo(http, query(`drop=${how}&after=1`))
      // The client stalls if both of its transports end in the middle of an upgrade.
      if (name === 'both transports') await upgraded(client)
      const { socket, next, disconnected } = client
      socket.emit('a')
      expect(await next()).toEqual(['a'])
      expect(await disconnected).toMatch(/^transport (close|error)$/)
      await expect.poll(() => registry.size).toBe(0)
    })

    test('stall answers nothing more, and the client gives up when no ping comes', async () => {
      const { http, registry } = await serve({ HEARTBEAT_INTERVAL: '300ms' })
      const client = await connectIo(http, query('stall&after=1'))
      client.socket.emit('a')
      expect(await client.next()).toEqual(['a'])
      client.socket.emit('b')
      await expect(client.next()).rejects.toThrow('disconnected')
      expect(await client.disconnected).toMatch(/^(ping timeout|transport close|transport error)$/)
      await expect.poll(() => registry.size).toBe(0)
    })

    test('repeat, hello and tick send events of their own', async () => {
      const { http } = await serve()
      const client = await connectIo(http, query('hello&repeat=2&tick=50ms'))
      const [event, text] = await client.next()
      expect(event).toBe('message')
      expect(JSON.parse(String(text))).toMatchObject({ connection: 1, path: '/socket.io/' })
      expect(await client.next()).toEqual(['message', 'tick 1'])
      client.socket.emit('a')
      const events = [await client.next(), await client.next(), await client.next()]
      expect(events.filter(([name]) => name === 'a')).toHaveLength(2)
    })

    test('reject refuses the session, and times ends that', async () => {
      const { http } = await serve()
      await expect(connectIo(http, query('reject=503&times=1'))).rejects.toThrow()
      const { socket } = await connectIo(http, query('reject=503&times=1'))
      expect(await socket.emitWithAck('chat', 'hi')).toBe('hi')
    })
  })

  test('the control port lists, pushes to and closes a session', async () => {
    const { http, control } = await serve({ CONTROL_PORT: '0', JOURNAL_SIZE: '1MiB' })
    const client = await connectIo(`${http}chat`, { transports: [...transports] })
    if (name === 'both transports') await upgraded(client)
    await client.socket.emitWithAck('message', 'hi')
    const { connections } = await (await fetch(`${control}connections`)).json()
    expect(connections).toEqual([
      expect.objectContaining({
        id: 1,
        protocol: 'socket.io',
        path: '/socket.io/',
        received: { texts: 1, textBytes: '["message","hi"]'.length, binaries: 0, binaryBytes: 0 },
      }),
    ])
    const { messages } = await (await fetch(`${control}messages`)).json()
    expect(messages).toEqual([expect.objectContaining({ connection: 1, opcode: 'text', text: '["message","hi"]' })])
    expect(await client.next()).toEqual(['message', '[RE]: hi'])
    const headers = { 'Content-Type': 'text/plain' }
    expect(await (await fetch(`${control}messages`, { method: 'POST', headers, body: 'pushed' })).json()).toEqual({
      sent: 1,
      skipped: 0,
    })
    expect(await client.next()).toEqual(['message', 'pushed'])
    expect(await (await fetch(`${control}metrics`)).text()).toContain('\nwebsocket_connections_open 1\n')
    await fetch(`${control}connections/1`, { method: 'DELETE' })
    expect(await client.disconnected).toBe('io server disconnect')
    await expect.poll(async () => (await fetch(`${control}connections`)).json()).toEqual({ connections: [] })
    expect(await (await fetch(`${control}metrics`)).text()).toMatch(/^websocket_closes_total\{code="1000"\} 1$/m)
  })

  test('an event larger than MAX_PAYLOAD ends the session, and others go on', async () => {
    const { http, log } = await serve({ MAX_PAYLOAD: '1KiB' })
    const other = await connectIo(http, { transports: [...transports] })
    const client = await connectIo(http, { transports: [...transports] })
    if (name === 'both transports') await upgraded(client)
    client.socket.emit('large', 'x'.repeat(2000))
    expect(await client.disconnected).toMatch(/^transport (close|error)$/)
    await expect
      .poll(() => linesAbout(log, 'Failed the connection'))
      .toEqual([
        expect.objectContaining({ connection: 2, problem: expect.stringContaining('Max payload size exceeded') }),
      ])
    expect(await other.socket.emitWithAck('chat', 'hi')).toBe('hi')
  })

  test('arguments that are nested too deeply end the session', async () => {
    const { http, log } = await serve()
    const client = await connectIo(http, { transports: [...transports] })
    if (name === 'both transports') await upgraded(client)
    const { engine } = client.socket.io
    engine.write(`2["deep",${'['.repeat(200_000)}${']'.repeat(200_000)}]`)
    expect(await client.disconnected).toMatch(/^transport (close|error)$/)
    await expect
      .poll(() => linesAbout(log, 'Failed the connection'))
      .toEqual([expect.objectContaining({ problem: 'The arguments of an event are nested too deeply' })])
  })

  test('an event has a thousand arguments at most, its name included', async () => {
    const { http, log } = await serve()
    const client = await connectIo(http, { transports: [...transports] })
    if (name === 'both transports') await upgraded(client)
    const event = ['many', ...Array(999).fill(0)] as [string, ...number[]]
    client.socket.emit(...event)
    expect(await client.next()).toEqual(event)
    client.socket.emit('more', ...Array(100_000).fill(0))
    expect(await client.disconnected).toMatch(/^transport (close|error)$/)
    await expect.poll(() => linesAbout(log, 'Disconnected')).toHaveLength(1)
    expect(linesAbout(log, 'Failed the connection')).toEqual([
      expect.objectContaining({ problem: 'A packet is invalid' }),
    ])
  })

  test('a session joins a hundred namespaces at most', async () => {
    const { http, log, registry } = await serve()
    const client = await connectIo(http, { transports: [...transports] })
    const { engine } = client.socket.io
    for (let i = 0; i < 100; i++) engine.write(`0/${i},`)
    expect(await client.disconnected).toMatch(/^transport (close|error)$/)
    await expect.poll(() => registry.size).toBe(0)
    expect(linesAbout(log, 'Failed the connection')[0]).toMatchObject({ problem: 'Too many namespaces' })
  })
})

describe('requests', () => {
  test('a plain WebSocket to the path is echoed as everywhere', async () => {
    const { url } = await serve()
    const { socket, next } = await connect(`${url}socket.io/`)
    socket.send('hi')
    expect(await next()).toBe('[RE]: hi')
  })

  test.for([
    ['socket.io/?EIO=3&transport=polling', 'EIO: expected 4, which clients speak since version 3 of Socket.IO\n'],
    ['socket.io/?EIO=4&transport=websocket', 'transport: expected polling for such a request\n'],
    ['socket.io/?EIO=4', 'transport: expected polling for such a request\n'],
    [
      'socket.io/?EIO=4&transport=polling&corrupt=rsv',
      /^corrupt does not work with Socket.IO: expected one of delay, /,
    ],
    ['socket.io/?EIO=4&transport=polling&delay=never', /^"delay=never": expected a duration/],
    ['socket.io/?EIO=4&transport=polling&reject=418', 'Refused with 418 because of reject=418\n'],
  ] as const)('%s is refused with %s, once in the log', async ([path, body]) => {
    const { http, log } = await serve()
    const response = await fetch(http + path)
    expect(response.status).toBeGreaterThanOrEqual(400)
    expect(await response.text()).toEqual(expect.stringMatching(body))
    expect(linesAbout(log, 'Refused a handshake')).toHaveLength(1)
  })

  test('a session that the server does not know gets 400', async () => {
    const { http } = await serve()
    const response = await fetch(`${http}${PATH}&sid=unknown`)
    expect(response.status).toBe(400)
    expect(await response.json()).toEqual({ code: 1, message: 'Session ID unknown' })
  })

  test('the first answer names the session for a proxy', async () => {
    const { http } = await serve()
    const { sid, response } = await openSession(http)
    expect(response.headers.get('x-session')).toBe(sid)
  })

  test('pages of any origin may use it, also with credentials', async () => {
    const { http } = await serve()
    const origin = 'https://a.example'
    const { response } = await openSession(http, '', { Origin: origin })
    expect(response.headers.get('access-control-allow-origin')).toBe(origin)
    expect(response.headers.get('access-control-allow-credentials')).toBe('true')
    const preflight = await fetch(http + PATH, {
      method: 'OPTIONS',
      headers: { Origin: origin, 'Access-Control-Request-Method': 'POST', 'Access-Control-Request-Headers': 'x-own' },
    })
    expect(preflight.status).toBe(204)
    expect(preflight.headers.get('access-control-allow-headers')).toBe('x-own')
  })

  test('ALLOWED_ORIGINS holds', async () => {
    const { http, url } = await serve({ ALLOWED_ORIGINS: 'https://a.example' })
    const from = (origin: string) => ({ headers: { Origin: origin } })
    expect(await statusOf(http + PATH, from('https://a.example'))).toBe(200)
    expect(await statusOf(http + PATH, from('https://b.example'))).toBe(403)
    const { head } = await connectRaw(`${url}socket.io/?EIO=4&transport=websocket`, { Origin: 'https://b.example' })
    expect(head).toMatch(/^HTTP\/1.1 403 /)
  })

  test('NO_PROTOCOLS=1 leaves the path to plain WebSockets', async () => {
    const { http, url } = await serve({ NO_PROTOCOLS: '1' })
    expect(await statusOf(http + PATH)).toBe(426)
    const { socket, next } = await connect(`${url}socket.io/?EIO=4&transport=websocket`)
    socket.send('hi')
    expect(await next()).toBe('[RE]: hi')
  })

  test.for(['__proto__', 'constructor'])('%s as a parameter does no harm', async name => {
    const { http } = await serve()
    expect(await statusOf(`${http}${PATH}&sid=${name}`)).toBe(400)
    expect(await statusOf(`${http}${PATH}&${name}=x`)).toBe(200)
    expect(await statusOf(`${http}socket.io/?EIO=4&transport=${name}`)).toBe(400)
  })

  test('an absolute target that is no URL does no harm', async () => {
    const { http, port } = await serve()
    const { head } = await connectRaw(http, {}).catch(() => ({ head: '' }))
    expect(head).toBeDefined()
    const { createConnection } = await import('node:net')
    const socket = createConnection(port, '127.0.0.1')
    socket.end(`GET http://%%/${PATH} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`)
    const chunks = await Array.fromAsync(socket)
    expect(String(Buffer.concat(chunks as Buffer[]))).toMatch(/^HTTP\/1.1 200 /)
  })
})

describe('limits', () => {
  test('a session that polls is one connection for MAX_CONNECTIONS, while its sockets come and go', async () => {
    const { http, url } = await serve({ MAX_CONNECTIONS: '2' })
    const close = { Connection: 'close' }
    const first = await openSession(http, '', close)
    await openSession(http, '', close)
    await expect.poll(() => statusOf(http + PATH)).toBe(503)
    for (let i = 0; i < 5; i++) {
      expect(await (await first.ask({ method: 'POST', body: '42["a"]', headers: close })).text()).toBe('ok')
      expect(await (await first.ask({ headers: close })).text()).toBe('42["a"]')
    }
    expect((await connectRaw(url)).head).toMatch(/^HTTP\/1.1 503 /)
    await first.post(DISCONNECT)
    await expect.poll(async () => (await connectRaw(url)).head).toMatch(/^HTTP\/1.1 101 /)
  })

  test('a session counts for MAX_CONNECTIONS_PER_IP', async () => {
    const { http } = await serve({ MAX_CONNECTIONS_PER_IP: '1' })
    const session = await openSession(http)
    expect(await statusOf(http + PATH)).toBe(503)
    await session.post(DISCONNECT)
    await expect.poll(() => statusOf(http + PATH)).toBe(200)
  })

  test('a session over a WebSocket gives up its place when it ends', async () => {
    const { http } = await serve({ MAX_CONNECTIONS: '1' })
    for (let i = 0; i < 3; i++) {
      const client = await vi.waitFor(() => connectIo(http, { transports: ['websocket'] }), { timeout: 10_000 })
      client.socket.disconnect()
      await client.disconnected
    }
  })

  test('a client that joins no namespace in time is disconnected', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    try {
      const { http, registry, log } = await serve()
      await (await fetch(http + PATH)).text()
      expect(registry.size).toBe(1)
      await vi.advanceTimersByTimeAsync(10_000)
      await expect.poll(() => registry.size).toBe(0)
      expect(linesAbout(log, 'Failed the connection')[0]).toMatchObject({ problem: 'The client joined no namespace' })
    } finally {
      vi.useRealTimers()
    }
  })

  test('a session that nobody polls ends after STALL_TIMEOUT, even without a heartbeat', async () => {
    const { http, registry, log } = await serve({ STALL_TIMEOUT: '300ms', HEARTBEAT_INTERVAL: '0' })
    await openSession(http)
    await expect.poll(() => registry.size).toBe(0)
    expect(linesAbout(log, 'Failed the connection')[0]).toMatchObject({
      problem: 'The client does not ask for packets',
    })
  })

  test('a session that waits for a poll to close is gone at once when it is dropped', async () => {
    const { http, control, registry } = await serve({ CONTROL_PORT: '0' })
    await openSession(http)
    await fetch(`${control}connections?code=4000`, { method: 'DELETE' })
    expect(registry.size).toBe(1)
    await fetch(`${control}connections?drop=fin`, { method: 'DELETE' })
    await expect.poll(() => registry.size).toBe(0)
    expect(registry.budget.bytes).toBe(0)
  })

  test('a poll may last longer than STALL_TIMEOUT', async () => {
    const { http, url, registry } = await serve({ STALL_TIMEOUT: '200ms', HEARTBEAT_INTERVAL: '0' })
    const session = await openSession(http)
    const polled = session.poll()
    const { socket, next } = await connect(`${url}?delay=700ms`)
    socket.send('hello')
    await next()
    socket.close()
    await expect.poll(() => registry.size).toBe(1)
    await session.post('42["late"]')
    expect(await polled).toBe('42["late"]')
  })

  test.for([
    ['a second poll', async (session: Session) => [session.poll(), session.poll()]],
    [
      'a second request with packets',
      async (session: Session, hasArrived: () => Promise<void>) => {
        const body = new ReadableStream({
          start(controller) {
            controller.enqueue(Buffer.from('42["a"]'))
          },
        })
        const first = session.ask({ method: 'POST', body, duplex: 'half' } as RequestInit)
        await hasArrived()
        return [first, session.post('42["b"]')]
      },
    ],
  ] as const)('%s at the same time ends the session', async ([, send]) => {
    const { http, registry } = await serve()
    const session = await openSession(http)
    const { bytes } = registry.budget
    await Promise.allSettled(await send(session, () => expect.poll(() => registry.budget.bytes).toBeGreaterThan(bytes)))
    await expect.poll(() => registry.size).toBe(0)
  })

  test.for([
    ['long polling', ['polling']],
    ['WebSocket', ['websocket']],
  ] as const)(
    'over %s, attachments that wait for their event count towards the memory budget',
    async ([, transports]) => {
      const { http, registry } = await serve()
      const client = await connectIo(http, { transports: [...transports] })
      const before = registry.budget.bytes
      const { engine } = client.socket.io
      engine.write('52-["files",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]')
      engine.write(Buffer.alloc(100_000))
      await expect.poll(() => registry.budget.bytes).toBeGreaterThan(before + 100_000)
      engine.write(Buffer.alloc(10))
      expect((await client.next())[0]).toBe('files')
      await expect.poll(() => registry.budget.bytes).toBeLessThan(before + 10_000)
    },
  )

  test('packets are handled only as fast as the client takes the replies, and all come back', async () => {
    const { http, registry } = await serve({ HIGH_WATER_MARK: '64KiB' })
    const session = await openSession(http)
    const events = Array.from({ length: 60 }, (_, i) => `42["n",${i},"${'x'.repeat(10_000)}"]`)
    const posted = session.post(events.join('\x1e'))
    await expect.poll(() => [...registry][0]?.waiting).toBeGreaterThan(64 * 1024)
    expect([...registry][0]?.traffic.received.texts).toBeLessThan(30)
    const got: string[] = []
    while (got.length < events.length) got.push(...(await session.poll()).split('\x1e'))
    expect(got).toEqual(events)
    expect(await (await posted).text()).toBe('ok')
  })

  test('a client that reads nothing over a WebSocket is not read from', async () => {
    const { url, registry } = await serve({ HIGH_WATER_MARK: '64KiB' })
    const client = await connectRaw(`${url}socket.io/?EIO=4&transport=websocket`)
    client.socket.write(frame(opcodes.text, '40'))
    await client.frame()
    expect(String((await client.frame()).payload)).toMatch(/^40/)
    client.socket.pause()
    const event = frame(opcodes.text, `42["a","${'x'.repeat(60_000)}"]`)
    for (let i = 0; i < 400; i++) client.socket.write(event)
    const received = () => [...registry][0]?.traffic.received.texts ?? 0
    let before = 0
    await vi.waitFor(
      () => {
        const isSettled = before > 0 && received() === before
        before = received()
        expect(isSettled).toBe(true)
      },
      { timeout: 10_000, interval: 300 },
    )
    expect(received()).toBeLessThan(400)
    expect(registry.budget.bytes).toBeLessThan(2 ** 20)
  })

  test('a request of many packets does not hold up others, and fits the memory budget', async () => {
    const { http, url, registry } = await serve({ MEMORY_BUDGET: '16MiB' })
    const session = await openSession(http)
    const { socket, next } = await connect(url)
    let longest = 0
    const posted = session.post('42["a"]\x1e'.repeat(30_000))
    const polls = (async () => {
      for (;;) if (!(await session.poll()).startsWith('42')) return
    })()
    let isDone = false
    void Promise.allSettled([posted, polls]).then(() => (isDone = true))
    while (!isDone) {
      const begin = performance.now()
      socket.send('hi')
      await next()
      longest = Math.max(longest, performance.now() - begin)
      expect(registry.budget.bytes).toBeLessThan(16 * 2 ** 20)
    }
    expect(longest).toBeLessThan(500)
  })

  test('sessions that hold too much memory are ended', async () => {
    const { http, registry, log } = await serve({ MEMORY_BUDGET: '1MiB', MAX_PAYLOAD: '200KiB' })
    await vi.waitFor(
      async () => {
        const session = await openSession(http).catch(() => undefined)
        session?.post(`42["a","${'x'.repeat(190_000)}"]`).catch(() => {})
        expect(log.some(({ msg }) => msg === 'Gave up the connection')).toBe(true)
      },
      { timeout: 20_000, interval: 20 },
    )
    expect(registry.budget.bytes).toBeLessThan(2 ** 21)
  })
})
