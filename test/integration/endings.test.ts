import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { platform } from 'node:os'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { constants, deflateRawSync } from 'node:zlib'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { closePayload, connectRaw, frame, opcodes, parseFrame } from '../suite/raw-client.ts'
import { serve } from './serve.ts'

const { binary, close, ping, pong, text } = opcodes
const MiB = 2 ** 20

type Log = Record<string, unknown>[]

const messages = (log: Log) => log.map(({ msg }) => msg)
const ended = (log: Log) => expect.poll(() => messages(log).at(-1)).toBe('Disconnected')

const until = async (isDone: () => boolean) => {
  while (!isDone()) await nextTurn()
}

/** Sends until the server stops reading. */
async function fill(
  client: Awaited<ReturnType<typeof connectRaw>>,
  bytes: Buffer,
  registry: { budget: { bytes: number } },
) {
  client.socket.removeAllListeners('data')
  client.socket.pause()
  for (let i = 0; i < 64; i++) client.socket.write(bytes)
  await expect.poll(() => registry.budget.bytes).toBeGreaterThan(MiB)
}

describe.for(['1', '0'])('with FAST_PATH=%s', FAST_PATH => {
  test('a payload that is cut by a reset of its paused peer is never mistaken for a frame', async () => {
    const { url, log, registry } = await serve({ FAST_PATH })
    // Wherever the payload is cut, the rest looks like a close frame.
    const goodbye = Buffer.concat([Buffer.from([0x88, 0x90, 0, 0, 0, 0]), closePayload(4000, 'I said goodbye')])
    const payload = Buffer.alloc(MiB, goodbye)
    const header = Buffer.from([0x82, 0xff, 0, 0, 0, 0, 0, 0x10, 0, 0, 0, 0, 0, 0])
    for (let i = 0; i < 6; i++) {
      const client = await connectRaw(`${url}raw`)
      await fill(client, Buffer.concat([header, payload]), registry)
      client.socket.resetAndDestroy()
      await expect.poll(() => registry.size).toBe(0)
    }
    expect(new Set(messages(log))).toEqual(new Set(['Connected!', 'Disconnected']))
    for (const line of log.filter(({ msg }) => msg === 'Disconnected')) {
      expect(line).toMatchObject({ code: 1006 })
      expect(line.messages).toBeLessThanOrEqual(64)
      expect(line).not.toHaveProperty('reason')
    }
  })

  test.for([
    ['a message', frame(text, 'late')],
    ['a ping', frame(ping, 'late')],
    ['another close', frame(close, closePayload(4000))],
    ['garbage', Buffer.alloc(1000, 0xff)],
  ] as const)('%s after a close frame does not turn a clean close into a failure', async ([, late]) => {
    const { url, log } = await serve({ FAST_PATH })
    for (const separately of [false, true]) {
      const { socket, end } = await connectRaw(url)
      const bye = frame(close, closePayload(1000, 'bye'))
      if (separately) for (const bytes of [bye, late]) socket.write(bytes)
      else socket.write(Buffer.concat([bye, late]))
      await end()
    }
    await ended(log)
    expect(messages(log)).not.toContain('Failed the connection')
    expect(log.filter(({ msg }) => msg === 'Disconnected')).toMatchObject([
      { code: 1000, reason: 'bye' },
      { code: 1000, reason: 'bye' },
    ])
  })
})

describe('a peer that does not read', () => {
  test.for([
    ['as it is', '', {}],
    ['with HEARTBEAT_INTERVAL=0', '', { HEARTBEAT_INTERVAL: '0' }],
    ['with ?ping=0', '?ping=0', {}],
    ['with ?pings=ignore', '?pings=ignore', {}],
    ['with ?delay=10ms', '?delay=10ms', {}],
  ] as const)('is ended after STALL_TIMEOUT %s, and the log says why', async ([, query, env]) => {
    const { url, log, registry } = await serve({ STALL_TIMEOUT: '200ms', ...env })
    const client = await connectRaw(`${url}raw${query}`)
    await fill(client, frame(binary, new Uint8Array(MiB)), registry)
    await ended(log)
    expect(log).toContainEqual(
      expect.objectContaining({
        msg: 'Gave up the connection',
        problem: 'The peer does not read the bytes that wait for it',
      }),
    )
    expect(registry.budget.bytes).toBe(0)
    client.socket.destroy()
  })

  test('is ended even if few bytes wait for it', async () => {
    const { url, log } = await serve({ STALL_TIMEOUT: '200ms', HIGH_WATER_MARK: '1GiB' })
    const client = await connectRaw(`${url}raw`)
    client.socket.removeAllListeners('data')
    client.socket.pause()
    for (let i = 0; i < 16; i++) client.socket.write(frame(binary, new Uint8Array(MiB)))
    await ended(log)
    expect(messages(log)).toContain('Gave up the connection')
    client.socket.destroy()
  })
})

test('a peer that reads slowly and answers pings late is not ended', async () => {
  const { url, log } = await serve({ HEARTBEAT_INTERVAL: '500ms', STALL_TIMEOUT: '10s' })
  const { socket } = await connectRaw(`${url}raw`)
  socket.removeAllListeners('data')
  socket.pause()
  const count = 8
  for (let i = 0; i < count; i++) socket.write(frame(binary, Buffer.alloc(MiB, i)))
  let rest = Buffer.alloc(0)
  let replies = 0
  let pings = 0
  // At 2.5 MiB per second, the bytes in the buffers of the system take longer than the interval, with a ping behind them.
  const reading = setInterval(() => {
    const chunk: Buffer | null = socket.read(Math.min(socket.readableLength, 100 * 1024))
    if (!chunk) return
    rest = Buffer.concat([rest, chunk])
    for (let parsed = parseFrame(rest); parsed; parsed = parseFrame(rest)) {
      rest = rest.subarray(parsed.length)
      const { opcode, payload } = parsed.frame
      if (opcode === binary) expect(payload.equals(Buffer.alloc(MiB, replies++))).toBe(true)
      else {
        pings++
        socket.write(frame(pong, payload))
      }
    }
  }, 40)
  await vi.waitFor(() => expect(replies).toBe(count), { timeout: 20_000 })
  const before = pings
  await expect.poll(() => pings).toBeGreaterThan(before + 2)
  clearInterval(reading)
  expect(messages(log)).toEqual(['Connected!'])
  socket.destroy()
})

test('a silent peer is ended, and the log says why', async () => {
  const { url, log } = await serve({ HEARTBEAT_INTERVAL: '100ms' })
  const { end } = await connectRaw(url)
  await end()
  await ended(log)
  expect(log[1]).toMatchObject({ msg: 'Gave up the connection', problem: 'No answer since the last ping' })
})

test.skipIf(platform() !== 'linux').for(['', '?ping=0', '?stall'])(
  'the operating system checks whether an idle peer at ws://…/%s still exists',
  async query => {
    const { url, port } = await serve({ HEARTBEAT_INTERVAL: '0' })
    const { socket } = await connectRaw(url + query)
    const hex = (number = 0) => number.toString(16).toUpperCase().padStart(4, '0')
    const connection = new RegExp(`:${hex(port)} \\w+:${hex(socket.localPort)} 01 \\S+ (\\d\\d):`)
    // The second column shows which timer runs: 02 is keep-alive.
    await expect.poll(async () => connection.exec(await readFile('/proc/net/tcp', 'utf8'))?.[1]).toBe('02')
  },
)

test.for(['1', '0'])(
  'messages after the server has closed are neither answered nor counted (FAST_PATH=%s)',
  async FAST_PATH => {
    const { url, log, registry } = await serve({ LOG_LEVEL: FAST_PATH === '1' ? 'info' : 'debug', FAST_PATH })
    const { socket, frame: nextFrame, end } = await connectRaw(url)
    socket.write(frame(text, 'in time'))
    expect((await nextFrame()).payload.toString()).toBe('[RE]: in time')
    const [connection] = registry
    connection?.dismiss(4000, '')
    expect(await nextFrame()).toMatchObject({ opcode: close })
    const late = [frame(text, 'late'), frame(binary, 'late', { fin: false }), frame(ping, 'late')]
    socket.write(Buffer.concat([...late, frame(close, closePayload(4000))]))
    expect(await end()).toHaveLength(0)
    await ended(log)
    expect(log.at(-1)).toMatchObject({ code: 4000, messages: 1 })
    expect(messages(log).filter(message => String(message).includes('replied'))).toHaveLength(FAST_PATH === '1' ? 0 : 1)
    expect(connection?.traffic).toMatchObject({ received: { texts: 1 }, sent: { texts: 1, binaries: 0 } })
    expect(registry.budget.bytes).toBe(0)
  },
)

test.for(['loss=0', 'repeat=1', 'repeat=3', 'fragment=3', 'hello', 'ping=1s', 'tick=1h', 'rate=1MiB', 'delay=0'])(
  'with ?%s a message right before a close frame is answered first',
  async query => {
    const { url } = await serve()
    const { socket, frame: nextFrame, end } = await connectRaw(`${url}raw?${query}`)
    socket.write(Buffer.concat([frame(text, 'sent'), frame(close, closePayload(1000))]))
    const times = query === 'repeat=3' ? 3 : 1
    let replies = ''
    for (let next = await nextFrame(); next.opcode !== close; next = await nextFrame()) {
      if (!next.payload.toString().startsWith('{')) replies += next.payload
    }
    expect(replies).toBe('sent'.repeat(times))
    expect(await end()).toHaveLength(0)
  },
)

test('delayed replies are dropped when the peer closes', async () => {
  const { url, log } = await serve({ LOG_LEVEL: 'debug' })
  const { socket, frame: nextFrame } = await connectRaw(`${url}?delay=5m`)
  socket.write(Buffer.concat([frame(text, 'sent'), frame(close, closePayload(1000))]))
  expect(await nextFrame()).toMatchObject({ opcode: close })
  socket.end()
  await ended(log)
  expect(messages(log)).not.toContain('Just replied')
})

test.for(['delay=5m', 'rate=1', 'repeat=1000', 'fragment=1', 'stall&after=1'])(
  'a peer that leaves while it is paused, with ?%s, leaves nothing behind',
  async query => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] })
    onTestFinished(() => void vi.useRealTimers())
    const { url, registry } = await serve()
    const { socket } = await connectRaw(`${url}?${query}`)
    socket.removeAllListeners('data')
    socket.pause()
    for (let i = 0; i < 100; i++) socket.write(frame(binary, new Uint8Array(100_000)))
    for (let i = 0; i < 100; i++) await nextTurn()
    socket.resetAndDestroy()
    // The operating system checks it every 30 s.
    for (let i = 0; i < 50; i++) await nextTurn()
    vi.advanceTimersByTime(30_000)
    await until(() => registry.size === 0)
    expect(registry.budget.bytes).toBe(0)
  },
)

test('a close fault that triggers after the client has closed ends the connection at once', {
  timeout: 3000,
}, async () => {
  const { url } = await serve()
  const client = await connectRaw(`${url}?close=1011&after=1&rate=50000`)
  // The reply takes 200 ms at this rate, and the client closes in the meantime.
  client.socket.write(Buffer.concat([frame(text, 'x'.repeat(10_000)), frame(close, closePayload(1000))]))
  const bytes = await client.end()
  expect(bytes.subarray(-4)).toEqual(Buffer.concat([Buffer.of(0x88, 2), closePayload(1011)]))
})

test.for(['info', 'debug'])(
  'a text, a close frame and a FIN in one write get their reply and a close frame, at LOG_LEVEL=%s',
  async LOG_LEVEL => {
    const { url, log } = await serve({ LOG_LEVEL })
    const client = await connectRaw(`${url}raw`)
    client.socket.end(Buffer.concat([frame(text, 'last'), frame(close, closePayload(3000))]))
    const reply = Buffer.concat([Buffer.of(0x81, 4), Buffer.from('last')])
    expect(await client.end()).toEqual(Buffer.concat([reply, Buffer.of(0x88, 2), closePayload(3000)]))
    await ended(log)
    expect(log).toContainEqual(expect.objectContaining({ msg: 'Disconnected', code: 3000, messages: 1 }))
  },
)

test('a connection that ends by a FIN while a message is being compressed is not reset', async () => {
  const env = {
    CONTROL_PORT: '0',
    LOG_LEVEL: 'debug',
    MAX_PAYLOAD: '32MiB',
    HIGH_WATER_MARK: '64MiB',
    MEMORY_BUDGET: '1GiB',
  }
  const { url, log, control } = await serve(env)
  const payload = Buffer.from(randomBytes(2 * MiB).toString('hex'))
  const [client, bystander] = await Promise.all(
    [1, 2].map(() => connectRaw(url, { 'Sec-WebSocket-Extensions': 'permessage-deflate' })),
  )
  if (!client || !bystander) throw new Error('not connected')
  client.socket.allowHalfOpen = true
  client.socket.write(frame(binary, payload))
  await expect.poll(() => messages(log)).toContainEqual(expect.stringContaining('Message received'))
  const dropped = await fetch(`${control}connections/1?drop=fin`, { method: 'DELETE' })
  expect(await dropped.json()).toEqual({ closed: 1 })
  await once(client.socket, 'end')

  // When its longer message has been compressed, so has the other one.
  bystander.socket.write(frame(binary, Buffer.concat([payload, payload.subarray(MiB)])))
  expect((await bystander.frame()).rsv).toBe(4)
  expect(messages(log)).not.toContain('Disconnected')
  client.socket.end(frame(text, 'late'))
  await ended(log)
  expect(client.socket.errored).toBeNull()
})

test('drop=fin ends with a FIN although a pong waits behind the last reply', async () => {
  const { url, log } = await serve()
  const offer = { 'Sec-WebSocket-Extensions': 'permessage-deflate' }
  const { socket } = await connectRaw(`${url}?drop=fin&after=1&compress=takeover`, offer)
  const compressed = deflateRawSync('third', { finishFlush: constants.Z_SYNC_FLUSH }).subarray(0, -4)
  // While the third message is inflated, the rest is unread, and would turn the end into an RST.
  const third = frame(text, compressed, { rsv: 4 })
  socket.write(Buffer.concat([frame(text, 'first'), frame(ping), third, frame(text, 'x'.repeat(150_000))]))
  await once(socket.resume(), 'end')
  socket.end()
  await ended(log)
  expect(socket.errored).toBeNull()
})
