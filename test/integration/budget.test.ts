import { connect as connectTcp } from 'node:net'
import { setTimeout as delay, setImmediate as nextTurn } from 'node:timers/promises'
import { describe, expect, test, vi } from 'vitest'
import { connect } from '../suite/client.ts'
import { deflate } from '../suite/deflate.ts'
import {
  closePayload,
  connectRaw,
  frame,
  handshake,
  nextAfterPings,
  opcodes,
  type RawClient,
} from '../suite/raw-client.ts'
import { serve } from './serve.ts'

const { binary, close, continuation, ping, text } = opcodes
const MiB = 2 ** 20

const limits = { MEMORY_BUDGET: '2MiB', MAX_PAYLOAD: '256KiB' }
const half = 128 * 1024
const deflated = { 'Sec-WebSocket-Extensions': 'permessage-deflate' }
const unfinished = { fin: false }

const beginning = frame(binary, new Uint8Array(2 * half)).subarray(0, half)
const fragments = Buffer.concat([
  frame(binary, 'x', unfinished),
  ...Array.from({ length: 500 }, () => frame(continuation, 'x', unfinished)),
])
const compressed = frame(binary, deflate(Buffer.alloc(half, 'compressible')), { ...unfinished, rsv: 4 })
const random = frame(binary, Buffer.from(Array.from({ length: half }, (_, i) => (i * 7919) % 251)), {
  ...unfinished,
  rsv: 4,
})

/** Opens connections and sends bytes on each, until the server ends one of them to free memory. */
async function fill(url: string, bytes: Buffer, isEnough: () => boolean, headers?: Record<string, string>) {
  const clients: RawClient[] = []
  while (!isEnough() && clients.length < 200) {
    const client = await connectRaw(url, headers)
    client.socket.write(bytes)
    clients.push(client)
    await nextTurn()
  }
  return clients
}

const shortage = expect.objectContaining({ msg: 'Gave up the connection', problem: 'Too little memory is free' })

describe.for(['1', '0'])('with FAST_PATH=%s', FAST_PATH => {
  test.for([
    ['messages of which only a part comes', 'raw', beginning, {}],
    ['messages in tiny fragments whose last never comes', 'raw', fragments, {}],
    ['compressed messages whose last frame never comes', 'raw', random, deflated],
    ['replies that wait for a delay', 'raw?delay=5m', frame(binary, new Uint8Array(half)), {}],
    ['tiny replies that wait for a delay', 'raw?delay=5m', Buffer.concat(Array(400).fill(frame(binary))), {}],
    ['replies that leave slowly', 'raw?rate=1', frame(binary, new Uint8Array(half)), {}],
    ['replies in tiny frames that leave slowly', 'raw?rate=1&fragment=1', frame(binary, new Uint8Array(half)), {}],
    ['pongs that leave slowly', 'raw?rate=1', Buffer.concat(Array(400).fill(frame(ping))), {}],
  ] as const)('%s take no more memory than MEMORY_BUDGET', async ([, target, bytes, headers]) => {
    const { url, log, registry } = await serve({ ...limits, FAST_PATH })
    const bystander = await connect(url)
    let most = 0
    const isShort = () => {
      most = Math.max(most, registry.budget.bytes)
      return log.some(({ msg }) => msg === 'Gave up the connection')
    }
    const clients = await fill(`${url}${target}`, bytes, isShort, headers)
    await expect.poll(isShort).toBe(true)
    expect(log).toContainEqual(shortage)
    // One message may be on its way when the memory runs out.
    expect(most).toBeLessThan(2 * MiB + half + 1024)
    bystander.socket.send('still here')
    expect(await bystander.next()).toBe('[RE]: still here')
    expect(log).not.toContainEqual(expect.objectContaining({ msg: 'Gave up the connection', connection: 1 }))
    for (const { socket } of clients) socket.destroy()
    await expect.poll(() => registry.size).toBe(1)
    await expect.poll(() => registry.budget.bytes).toBe(0)
  })
})

test('a connection that is ended to free memory gets close 1013, also in the log', async () => {
  const { url, log } = await serve(limits)
  const isShort = () => log.some(({ msg }) => msg === 'Gave up the connection')
  const clients = await fill(`${url}raw?delay=5m`, frame(binary, new Uint8Array(half)), isShort)
  const first = await Promise.any(clients.map(client => client.frame()))
  expect(first).toMatchObject({ opcode: close, payload: closePayload(1013) })
  for (const { socket } of clients) socket.destroy()
  await expect.poll(() => log).toContainEqual(expect.objectContaining({ msg: 'Disconnected', code: 1013 }))
})

test('an unfinished compressed message takes no more memory than its bytes', async () => {
  const { url, registry } = await serve(limits)
  const { socket } = await connectRaw(`${url}raw`, deflated)
  socket.write(Buffer.concat([compressed, ...Array(20).fill(frame(continuation, '', unfinished)), frame(ping, 'x')]))
  await expect.poll(() => registry.budget.bytes).toBeGreaterThan(0)
  expect(registry.budget.bytes).toBeLessThan(20_000)
  socket.destroy()
})

test.for([
  ['much of it on one connection', 1, 100_000, 'Too much data before the answer'],
  ['some of it on many', 100, 60_000, 'Too little memory is free'],
] as const)(
  'data before a delayed answer takes no more memory than MEMORY_BUDGET: %s',
  async ([, count, bytes, problem]) => {
    const { port, url, log, registry } = await serve(limits)
    const target = new URL(`${url}raw?handshake-delay=5m`)
    const sockets = Array.from({ length: count }, () => {
      const socket = connectTcp(port, '127.0.0.1').on('error', () => {})
      socket.write(Buffer.concat([Buffer.from(`${handshake(target.href)}\r\n`), Buffer.alloc(bytes)]))
      return socket
    })
    await expect.poll(() => log).toContainEqual(expect.objectContaining({ msg: 'Gave up the handshake', problem }))
    expect(registry.budget.bytes).toBeLessThan(3 * MiB)
    for (const socket of sockets) socket.destroy()
    await expect.poll(() => [registry.delayed.size, registry.budget.bytes]).toEqual([0, 0])
  },
)

test('many connections that each hold little take no more memory than MEMORY_BUDGET either', async () => {
  const { url, log, registry } = await serve(limits)
  const isShort = () => log.some(({ msg }) => msg === 'Gave up the connection')
  const clients = await fill(`${url}raw`, frame(binary, new Uint8Array(40_000)).subarray(0, 31_000), isShort)
  await expect.poll(isShort).toBe(true)
  expect(registry.budget.bytes).toBeLessThan(2.1 * MiB)
  for (const { socket } of clients) socket.destroy()
})

test('a connection that is paused to save memory is resumed or ended', async () => {
  const { url, log, registry } = await serve({ MEMORY_BUDGET: '2MiB', MAX_PAYLOAD: '512KiB' })
  const large = frame(binary, new Uint8Array(500_000))
  const others = await Promise.all(Array.from({ length: 3 }, () => connectRaw(`${url}raw?delay=5m`)))
  for (const { socket } of others) socket.write(frame(binary, new Uint8Array(300_000)))
  await expect.poll(() => registry.budget.bytes).toBeGreaterThan(900_000)
  const held = await connectRaw(`${url}raw`)
  held.socket.write(large.subarray(0, 499_000))
  held.socket.write(large.subarray(499_000))
  const reply = held.frame().then(({ opcode }) => opcode)
  expect([binary, close]).toContain(await reply)
  for (const { socket } of [...others, held]) socket.destroy()
  await expect.poll(() => log.filter(({ msg }) => msg === 'Disconnected')).toHaveLength(4)
})

test('a peer that is paused does not count as silent', async () => {
  const { url } = await serve({ HEARTBEAT_INTERVAL: '150ms', HIGH_WATER_MARK: '64KiB' })
  const client = await connectRaw(`${url}raw?delay=1500ms`)
  const large = frame(binary, new Uint8Array(50_000))
  client.socket.write(Buffer.concat([large, large, large]))
  for (let i = 0; i < 3; i++) expect((await nextAfterPings(client)).opcode).toBe(binary)
  client.socket.destroy()
})

test('a message larger than half of the free memory still arrives', async () => {
  const { url } = await serve({ MEMORY_BUDGET: '2MiB', MAX_PAYLOAD: '512KiB' })
  const client = await connect(`${url}raw`)
  for (let i = 0; i < 5; i++) {
    client.socket.send(Buffer.alloc(512 * 1024, i))
    expect(Buffer.from((await client.next()) as Buffer).equals(Buffer.alloc(512 * 1024, i))).toBe(true)
  }
})

test.for([
  ['half a frame', [beginning]],
  ['half a header', [frame(text, 'x').subarray(0, 3)]],
  ['the first of two fragments', [frame(text, 'x', unfinished)]],
  ['a compressed first fragment', [compressed]],
] as const)('MESSAGE_TIMEOUT ends a connection with 1008 after %s, even if pings arrive', async ([, parts]) => {
  for (const FAST_PATH of ['1', '0']) {
    const { url, log } = await serve({ MESSAGE_TIMEOUT: '200ms', FAST_PATH })
    const client = await connectRaw(`${url}raw`, deflated)
    for (const part of parts) client.socket.write(part)
    const isAtFrame = parts[0] !== beginning && parts[0]?.length !== 3
    const pings = setInterval(() => isAtFrame && client.socket.write(frame(ping)), 20)
    let last = await client.frame()
    while (last.opcode === opcodes.pong) last = await client.frame()
    clearInterval(pings)
    expect(last).toMatchObject({ opcode: close, payload: closePayload(1008) })
    client.socket.destroy()
    expect(log).toContainEqual(
      expect.objectContaining({
        msg: 'Failed the connection',
        problem: 'No more of an unfinished message arrived for 200 ms',
      }),
    )
  }
})

test('MESSAGE_TIMEOUT ignores a message that makes progress, and one that the server pauses', async () => {
  const { url } = await serve({ MESSAGE_TIMEOUT: '300ms', HIGH_WATER_MARK: '64KiB' })
  const slow = await connectRaw(`${url}raw`)
  const bytes = frame(binary, '0123456789')
  for (const byte of bytes) {
    slow.socket.write(Buffer.of(byte))
    // This test depends on time passing: all bytes together take longer than MESSAGE_TIMEOUT, but no single one does.
    await delay(40)
  }
  expect(await slow.frame()).toMatchObject({ opcode: binary, payload: Buffer.from('0123456789') })
  const held = await connectRaw(`${url}raw?delay=500ms`)
  const large = frame(binary, new Uint8Array(50_000))
  held.socket.write(Buffer.concat([large, large, large, large, large]))
  for (let i = 0; i < 5; i++) expect((await held.frame()).payload).toHaveLength(50_000)
})

test('replies that are still to be made pause reading as waiting replies do', async () => {
  const { url, log, registry } = await serve({ LOG_LEVEL: 'debug' })
  const client = await connectRaw(`${url}raw?repeat=1000`)
  client.socket.pause()
  client.socket.write(Buffer.concat(Array(2000).fill(frame(binary))))
  const received = () => log.filter(({ msg }) => String(msg).startsWith('Message received')).length
  await expect.poll(() => received()).toBeGreaterThan(2)
  expect(received()).toBeLessThan(20)
  expect(registry.budget.bytes).toBeLessThan(2 * MiB)
  client.socket.destroy()
})

test.for([
  ['empty messages with repeat=1000', 'raw?repeat=1000', Buffer.concat(Array(200).fill(frame(binary))), 200_000],
  [
    'tiny compressed messages',
    'raw',
    Buffer.concat(Array(50_000).fill(frame(binary, deflate(''), { rsv: 4 }))),
    50_000,
  ],
  ['empty messages with delay=0', 'raw?delay=0', Buffer.concat(Array(50_000).fill(frame(binary))), 50_000],
] as const)(
  'a connection with %s works in time slices, so that others are answered in between',
  async ([, target, bytes, count]) => {
    const { url } = await serve()
    const busy = await connectRaw(`${url}${target}`, deflated)
    let replies = 0
    busy.socket.on('data', chunk => (replies += chunk.length / 2))
    const bystander = await connect(url)
    busy.socket.write(bytes)
    await expect.poll(() => replies).toBeGreaterThan(0)
    bystander.socket.send('hello')
    expect(await bystander.next()).toBe('[RE]: hello')
    expect(replies).toBeLessThan(count)
    await vi.waitFor(() => expect(replies).toBe(count), { timeout: 60_000 })
  },
)
