import { once } from 'node:events'
import { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import { setTimeout as delay, setImmediate as nextTurn } from 'node:timers/promises'
import { queryObjects } from 'node:v8'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { WebSocket as Ws } from 'ws'
import { hasPythonModule } from '../requirements.ts'
import { connect } from '../suite/client.ts'
import { closePayload, connectRaw, frame, opcodes } from '../suite/raw-client.ts'
import { answerTo, startPassive, startProgram, startRaw, startWs } from './backends.ts'
import { serve } from './serve.ts'

const { text, binary, ping, close } = opcodes
const MIB = 2 ** 20

/** Writes chunks until the peer does not take them for a while, and resolves with the number of bytes that it took. */
async function fill(socket: Socket, chunk: Buffer): Promise<number> {
  for (;;) {
    if (socket.write(chunk)) continue
    const { promise, resolve } = Promise.withResolvers<boolean>()
    // No event says that a peer has stopped reading.
    const timer = setTimeout(resolve, 500, false)
    socket.once('drain', () => resolve(true))
    const isDrained = await promise
    clearTimeout(timer)
    if (!isDrained) return socket.bytesWritten - socket.writableLength
  }
}

describe('a peer that does not read', () => {
  test('slows the backend down, and nothing piles up', async () => {
    const backend = await startPassive()
    const { url, registry } = await serve({ UPSTREAM: backend.url, HIGH_WATER_MARK: '256KiB' })
    const raw = await connectRaw(url)
    raw.socket.pause()
    const sent = await fill(await backend.first, frame(binary, Buffer.alloc(10_000, 'x'), { mask: false }))
    expect(sent).toBeGreaterThan(256 * 1024)
    expect(registry.budget.bytes).toBeLessThan(MIB)
    raw.socket.resume()
    for (let i = 0; i < 100; i++) expect((await raw.frame()).payload).toHaveLength(10_000)
  })

  test('slows the client down, and nothing piles up', async () => {
    const backend = await startPassive()
    const { url, registry } = await serve({ UPSTREAM: backend.url, HIGH_WATER_MARK: '256KiB' })
    const raw = await connectRaw(url)
    const sent = await fill(raw.socket, frame(binary, Buffer.alloc(10_000, 'x')))
    expect(sent).toBeGreaterThan(256 * 1024)
    expect(registry.budget.bytes).toBeLessThan(MIB)
    let received = 0
    const socket = await backend.first
    socket.on('data', ({ length }) => (received += length)).resume()
    raw.socket.write(frame(close, closePayload(1000)))
    await expect.poll(() => received % 10_008).toBe(8)
    expect(received).toBeGreaterThan(sent)
    socket.end()
  })

  test.for(['client', 'backend'] as const)('and sends pings is still read: %s', async who => {
    const backend = await startPassive()
    const { url, registry } = await serve({ UPSTREAM: backend.url, HIGH_WATER_MARK: '64KiB' })
    const raw = await connectRaw(url)
    const other = await backend.first
    const [pinger, filler] = who === 'client' ? [raw.socket, other] : [other, raw.socket]
    const mask = who === 'client'
    pinger.pause()
    await fill(filler, frame(binary, Buffer.alloc(10_000), { mask: !mask }))
    const pings = Buffer.concat(Array.from({ length: 1000 }, () => frame(ping, 'x'.repeat(100), { mask })))
    for (let i = 0; i < 100; i++) {
      if (!pinger.write(pings)) await once(pinger, 'drain')
    }
    expect(registry.budget.bytes).toBeLessThan(MIB)
    // A message behind the pings arrives, so the pings have been read.
    filler.resume()
    pinger.write(frame(text, 'last', { mask }))
    let hex = ''
    if (who === 'client') filler.on('data', chunk => (hex += chunk.toString('latin1')))
    else await expect.poll(async () => String((await raw.frame()).payload)).toBe('last')
    if (who === 'client') await expect.poll(() => hex.length).toBeGreaterThan(0)
  })

  test('for seconds still gets everything from a backend that has ended', async () => {
    const bytes = Buffer.concat(
      Array.from({ length: 100 }, () => frame(binary, Buffer.alloc(100_000), { mask: false })),
    )
    const backend = await startRaw((socket, request) => {
      socket.write(answerTo(request))
      socket.end(bytes)
    })
    const { url, registry } = await serve({ UPSTREAM: backend.url, HIGH_WATER_MARK: '16MiB', MEMORY_BUDGET: '256MiB' })
    const raw = await connectRaw(url)
    raw.socket.pause()
    // The server waits 5 s for a peer whose connection it has ended. Nothing shows whether that wait has begun too early.
    await delay(5500)
    raw.socket.resume()
    expect(await raw.end()).toHaveLength(bytes.length)
    await expect.poll(() => registry.isEmpty).toBe(true)
  })

  test('and never gets the close frame behind its messages leaves none in the log', async () => {
    const backend = await startPassive()
    const env = { HIGH_WATER_MARK: '16MiB', MEMORY_BUDGET: '256MiB', STALL_TIMEOUT: '300ms' }
    const { url, log } = await serve({ UPSTREAM: backend.url, ...env })
    const { socket } = await connectRaw(url)
    socket.write(Buffer.concat(Array.from({ length: 100 }, () => frame(binary, Buffer.alloc(100_000)))))
    socket.write(frame(close, closePayload(4000)))
    await expect.poll(() => log.filter(({ msg }) => msg === 'Disconnected')).toHaveLength(2)
    expect(log.find(({ msg, side }) => msg === 'Disconnected' && side === 'backend')).toMatchObject({ code: 1006 })
  })

  test('on either side of many connections stays within the budget, and others are served', async () => {
    const { wss, url } = await startWs()
    wss.on('connection', (socket, { url, socket: tcp }) => {
      if (url !== '/flood') return socket.on('message', (data, binary) => socket.send(data, { binary }))
      tcp.pause()
      for (let i = 0; i < 100; i++) socket.send(Buffer.alloc(20_000))
      return socket.on('error', () => {})
    })
    const { url: relay, registry } = await serve({ UPSTREAM: url, MEMORY_BUDGET: '8MiB', HIGH_WATER_MARK: '1MiB' })
    const chunk = frame(binary, Buffer.alloc(20_000))
    const clients = await Promise.all(Array.from({ length: 50 }, () => connectRaw(`${relay}flood`)))
    let most = 0
    const watch = setInterval(() => (most = Math.max(most, registry.budget.bytes)), 1)
    for (const { socket } of clients) {
      socket.pause()
      for (let i = 0; i < 100; i++) socket.write(chunk)
    }
    const client = await connect(relay)
    for (let i = 0; i < 200; i++) {
      client.socket.send(`${i}`)
      expect(await client.next()).toBe(`${i}`)
    }
    clearInterval(watch)
    expect(most).toBeGreaterThan(2 * MIB)
    expect(most).toBeLessThan(10 * MIB)
    for (const { socket } of clients) socket.destroy()
    client.socket.close()
    await expect.poll(() => registry.isEmpty).toBe(true)
    expect(registry.budget.bytes).toBe(0)
  })
})

describe('a hostile backend', () => {
  test.skipIf(!hasPythonModule('websockets'))('that is killed ends its clients, and new ones get 502', async () => {
    const backend = await startProgram('echo')
    const { url, registry } = await serve({ UPSTREAM: backend.url })
    const clients = await Promise.all(Array.from({ length: 20 }, () => connect(url)))
    backend.kill('SIGKILL')
    for (const { closed } of clients) expect(await closed).toMatchObject({ code: 1006 })
    expect((await connectRaw(url)).head).toMatch(/^HTTP\/1.1 502 /)
    await expect.poll(() => registry.isEmpty).toBe(true)
  })

  test('that sends everything byte by byte is understood', async () => {
    const backend = await startRaw(async (socket, request) => {
      socket.setNoDelay()
      const message = frame(text, 'slow', { mask: false })
      for (const byte of Buffer.concat([Buffer.from(answerTo(request)), message, message])) {
        socket.write(Buffer.of(byte))
        await new Promise(setImmediate)
      }
    })
    const client = await connect((await serve({ UPSTREAM: backend.url })).url)
    expect([await client.next(), await client.next()]).toEqual(['slow', 'slow'])
  })

  test('that never finishes a message is disconnected after MESSAGE_TIMEOUT', async () => {
    const backend = await startRaw((socket, request) => {
      socket.write(answerTo(request))
      socket.write(frame(text, 'half', { fin: false, mask: false }))
    })
    const { url } = await serve({ UPSTREAM: backend.url, MESSAGE_TIMEOUT: '150ms' })
    expect(await (await connect(url)).closed).toMatchObject({ code: 1006 })
  })

  test('that never ends its headers, or sends too many, gives 502 or 504', async () => {
    for (const [bytes, status] of [
      [`HTTP/1.1 101 Switching Protocols\r\nX: ${'x'.repeat(100)}`, 504],
      [`HTTP/1.1 101 Switching Protocols\r\nX: ${'x'.repeat(100_000)}\r\n\r\n`, 502],
    ] as const) {
      const backend = await startRaw(socket => void socket.write(bytes))
      const { url } = await serve({ UPSTREAM: backend.url, UPSTREAM_TIMEOUT: '300ms' })
      expect((await connectRaw(url)).head).toMatch(`HTTP/1.1 ${status} `)
    }
  })

  test.for([
    ['a reason with a control character', 'HTTP/1.1 403 N\x01\x7fo\r\nContent-Length: 0\r\n\r\n', 403],
    ['a reason that is not ASCII', 'HTTP/1.1 403 \xff\xfe\r\nContent-Length: 0\r\n\r\n', 403],
    ['no reason', 'HTTP/1.1 403\r\nContent-Length: 0\r\n\r\n', 403],
    ['status 0', 'HTTP/1.1 000 No\r\nContent-Length: 0\r\n\r\n', 502],
    ['status 99', 'HTTP/1.1 099 No\r\nContent-Length: 0\r\n\r\n', 502],
    ['status 999', 'HTTP/1.1 999 No\r\nContent-Length: 0\r\n\r\n', 999],
    ['status 102 only', 'HTTP/1.1 102 Processing\r\n\r\n', 504],
    ['a header with a control character', 'HTTP/1.1 403 No\r\nX: \x01\r\nContent-Length: 0\r\n\r\n', 502],
    ['a header with DEL', 'HTTP/1.1 403 No\r\nX: \x7f\r\nContent-Length: 0\r\n\r\n', 502],
    ['a header with a byte above ASCII', 'HTTP/1.1 403 No\r\nX: \xff\r\nContent-Length: 0\r\n\r\n', 403],
    ['a header name with a space', 'HTTP/1.1 403 No\r\nX Y: 1\r\nContent-Length: 0\r\n\r\n', 502],
    ['two different lengths', 'HTTP/1.1 403 No\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab', 502],
    ['a length and chunks', 'HTTP/1.1 403 No\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n', 502],
    ['204 with a body', 'HTTP/1.1 204 No\r\nContent-Length: 3\r\n\r\nabc', 204],
    ['304 with a length', 'HTTP/1.1 304 No\r\nContent-Length: 3\r\n\r\n', 304],
    ['HTTP/1.0', 'HTTP/1.0 403 No\r\n\r\nbody', 403],
    ['HTTP/2', 'HTTP/2.0 403 No\r\n\r\n', 403],
    ['a 101 with HTTP/1.0', 'HTTP/1.0 101 OK\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n', 502],
  ] as const)('that answers with %s ends no process', async ([, bytes, status]) => {
    const backend = await startRaw(socket => void socket.end(Buffer.from(bytes, 'latin1')))
    const { url, http } = await serve({ UPSTREAM: backend.url, UPSTREAM_TIMEOUT: '300ms' })
    expect((await connectRaw(url)).head).toMatch(new RegExp(`^HTTP/1.1 (${status}|502) `))
    expect((await fetch(`${http}healthz`)).status).toBe(200)
  })

  test('that refuses with an endless body is ended when the client leaves', async () => {
    const { promise, resolve } = Promise.withResolvers<void>()
    const backend = await startRaw(socket => {
      socket.write('HTTP/1.1 403 Forbidden\r\nTransfer-Encoding: chunked\r\n\r\n')
      const flood = () => socket.write(`3e8\r\n${'x'.repeat(1000)}\r\n`, error => (error ? resolve() : flood()))
      flood()
    })
    const { url } = await serve({ UPSTREAM: backend.url })
    const raw = await connectRaw(url)
    await raw.bytes(100_000)
    raw.socket.destroy()
    await promise
  })

  test('that floods does not delay other connections', async () => {
    const { wss, url } = await startWs()
    wss.on('connection', (socket, { url }) => {
      if (url !== '/flood') return socket.on('message', (data, binary) => socket.send(data, { binary }))
      const flood = () => socket.readyState === Ws.OPEN && socket.send('x', error => error || setImmediate(flood))
      for (let i = 0; i < 100; i++) flood()
      return socket.on('error', () => {})
    })
    const relay = await serve({ UPSTREAM: url })
    const floods = await Promise.all(Array.from({ length: 5 }, () => connectRaw(`${relay.url}flood`)))
    for (const { socket } of floods) socket.removeAllListeners('data').on('data', () => {})
    const client = await connect(relay.url)
    for (let i = 0; i < 50; i++) {
      client.socket.send(`${i}`)
      expect(await client.next()).toBe(`${i}`)
    }
    for (const { socket } of floods) socket.destroy()
  })

  test('that answers no close frame lets the server answer the client in its place', async () => {
    const backend = await startPassive()
    const { url, log } = await serve({ UPSTREAM: backend.url })
    const client = await connect(url)
    const begin = performance.now()
    client.socket.close(4000, 'bye')
    expect(await client.closed).toEqual({ code: 4000, reason: 'bye', wasClean: true })
    expect(performance.now() - begin).toBeLessThan(5000)
    expect(log.filter(({ msg }) => msg === 'Disconnected')).toMatchObject([{ code: 4000, reason: 'bye' }])
  })

  test('that answers no close frame does not keep the client waiting after up-close either', async () => {
    const backend = await startPassive()
    const { url } = await serve({ UPSTREAM: backend.url })
    const client = await connect(`${url}?up-close=1001`)
    const begin = performance.now()
    client.socket.close(4000)
    expect(await client.closed).toMatchObject({ code: 4000, wasClean: true })
    expect(performance.now() - begin).toBeLessThan(5000)
  })

  test('is answered although the client leaves a close frame of the server unanswered', async () => {
    const backend = await startPassive()
    const raw = await connectRaw(`${(await serve({ UPSTREAM: backend.url })).url}?close=1011&after=0`)
    expect(await raw.frame()).toMatchObject({ opcode: close })
    const socket = await backend.first
    socket.write(frame(close, closePayload(4000), { mask: false }))
    await once(socket.resume(), 'data')
    raw.socket.destroy()
  })

  test('that gets the messages slowly is left 10 minutes after the client', async () => {
    const backend = await startPassive()
    const { url, registry } = await serve({ UPSTREAM: backend.url })
    const { socket } = await connectRaw(`${url}?up-rate=1`)
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    onTestFinished(() => void vi.useRealTimers())
    socket.write(frame(text, 'x'.repeat(1000)), () => setImmediate(() => socket.resetAndDestroy()))
    while (registry.size > 0) await nextTurn()
    expect(registry.upstreams.size).toBe(1)
    vi.advanceTimersByTime(600_000)
    while (registry.upstreams.size > 0) await nextTurn()
  })

  test('does not let clients that come and go pile up connections', async () => {
    const backend = await startPassive()
    const { url, registry } = await serve({ UPSTREAM: backend.url, MAX_CONNECTIONS: '3' })
    const heads: string[] = []
    for (let i = 0; i < 10; i++) {
      const { head, socket } = await connectRaw(url)
      heads.push(head.slice(0, 12))
      socket.resetAndDestroy()
      await expect.poll(() => registry.size).toBe(0)
    }
    expect(heads).toEqual([...Array(6).fill('HTTP/1.1 101'), ...Array(4).fill('HTTP/1.1 503')])
    for (const socket of backend.sockets) socket.resume().end()
    await expect.poll(() => registry.isEmpty).toBe(true)
    const { head, socket } = await connectRaw(url)
    expect(head).toMatch(/^HTTP\/1.1 101 /)
    socket.destroy()
  })

  test('that answers no close frame is left when the client has left and it ends its side', async () => {
    const backend = await startPassive()
    const { url, registry } = await serve({ UPSTREAM: backend.url })
    const raw = await connectRaw(url)
    raw.socket.write(frame(close, closePayload(1000)))
    const [socket] = backend.sockets as Set<Socket>
    await once(socket?.resume() as Socket, 'data')
    raw.socket.destroy()
    socket?.end()
    await expect.poll(() => registry.isEmpty).toBe(true)
  })

  test('that sends for seconds before it answers a close frame keeps the client until then', async () => {
    const backend = await startPassive()
    const raw = await connectRaw((await serve({ UPSTREAM: backend.url })).url)
    const socket = await backend.first
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    onTestFinished(() => void vi.useRealTimers())
    raw.socket.write(frame(close, closePayload(4000)))
    await once(socket.resume(), 'data')
    for (let i = 0; i < 4; i++) {
      vi.advanceTimersByTime(500)
      socket.write(frame(text, `late ${i}`, { mask: false }))
      expect(String((await raw.frame()).payload)).toBe(`late ${i}`)
    }
    socket.end(frame(close, closePayload(4001), { mask: false }))
    expect(await raw.frame()).toMatchObject({ opcode: close, payload: closePayload(4001) })
  })
})

test('an open connection keeps no request or response of its handshakes in memory', async () => {
  const backend = await startPassive()
  const { url } = await serve({ UPSTREAM: backend.url })
  const inMemory = () => queryObjects(IncomingMessage) as unknown as number
  const before = inMemory()
  const clients = await Promise.all(Array.from({ length: 20 }, () => connectRaw(url)))
  await expect.poll(inMemory).toBeLessThan(before + 5)
  for (const { socket } of clients) socket.destroy()
})

test('1000 connections at once get each message of their own, in both directions', async () => {
  const { wss, url } = await startWs()
  const received = new Map<string, string[]>()
  wss.on('connection', (socket, { url = '' }) => {
    const mine: string[] = []
    received.set(url, mine)
    socket.on('message', data => {
      mine.push(String(data))
      socket.send(`${url} answers ${data}`)
    })
  })
  const { url: relay, registry } = await serve({ UPSTREAM: url })
  const clients = await Promise.all(Array.from({ length: 1000 }, (_, i) => connect(`${relay}${i}`)))
  expect([registry.size, registry.upstreams.size]).toEqual([1000, 1000])
  const messages = Array.from({ length: 20 }, (_, j) => `message ${j} ${'x'.repeat(j * 50)}`)
  for (const message of messages) for (const { socket } of clients) socket.send(message)
  for (const [i, client] of clients.entries()) {
    for (const message of messages) expect(await client.next()).toBe(`/${i} answers ${message}`)
    expect(received.get(`/${i}`)).toEqual(messages)
  }
  for (const { socket } of clients) socket.close(1000)
  for (const { closed } of clients) expect(await closed).toMatchObject({ code: 1000, wasClean: true })
  await expect.poll(() => registry.isEmpty).toBe(true)
  expect(registry.budget.bytes).toBe(0)
})
