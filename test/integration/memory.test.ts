import { platform } from 'node:os'
import { setTimeout as delay } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { residentMemory } from '../bench/usage.ts'
import { deflate } from '../suite/deflate.ts'
import { connectRaw, frame, opcodes, parseFrame, type RawClient } from '../suite/raw-client.ts'
import { run } from './run.ts'

const MiB = 2 ** 20
const { binary, ping, pong } = opcodes

const start = async (env: Record<string, string>, ...flags: string[]) => {
  const server = run(['node', ...flags, 'server/main.ts'], { PORT: '0', HOST: '127.0.0.1', ...env })
  const [, url = ''] = await server.line(/Ready on (ws:\/\/\S+)/)
  const memory = () => residentMemory([server.pid ?? 0]) ?? Number.NaN
  return { url: `${url}/raw`, memory }
}

/** Resolves when the server has stopped reading: for a while, the clients could send nothing more. */
const stalled = async (clients: RawClient[]) => {
  const sent = () => clients.reduce((sum, { socket }) => sum + socket.bytesWritten - socket.writableLength, 0)
  for (let before = -1; before !== sent(); await delay(700)) before = sent()
}

/** Resolves when a client has got all replies in their order. Pings of the server's own are skipped. */
const collect = (client: RawClient, count: number, opcode: number, expected: (i: number) => Buffer) =>
  new Promise<void>((resolve, reject) => {
    let rest = Buffer.alloc(0)
    let i = 0
    client.socket.on('close', () => reject(new Error(`closed after ${i} of ${count} replies`)))
    client.socket.on('data', chunk => {
      rest = Buffer.concat([rest, chunk])
      for (let parsed = parseFrame(rest); parsed; parsed = parseFrame(rest)) {
        rest = rest.subarray(parsed.length)
        if (parsed.frame.opcode === ping) continue
        if (parsed.frame.opcode !== opcode || !parsed.frame.payload.equals(expected(i))) {
          return reject(new Error(`reply ${i} is wrong`))
        }
        if (++i === count) return resolve()
      }
    })
  })

describe.skipIf(platform() !== 'linux')('memory', () => {
  const numbered = (size: number) => (i: number) => {
    const payload = Buffer.alloc(size, i % 251)
    payload.writeUInt32BE(i)
    return payload
  }

  test.for([
    ['messages', { FAST_PATH: '1' }, binary, binary, 65_536, 800],
    ['messages that bypass the fast path', { FAST_PATH: '0' }, binary, binary, 65_536, 800],
    ['small messages', { FAST_PATH: '1' }, binary, binary, 100, 200_000],
    ['messages of 1 MiB', { FAST_PATH: '1' }, binary, binary, MiB, 40],
    ['pings', { FAST_PATH: '1' }, ping, pong, 125, 150_000],
  ] as const)(
    'stays bounded when peers send %s without reading, and then they get every one',
    async ([, env, opcode, answer, size, count]) => {
      const { url, memory } = await start({ ...env, HEARTBEAT_INTERVAL: '500ms' })
      const payload = numbered(size)
      // They are made before the clients connect: the heartbeat would end clients that are silent meanwhile.
      const frames = Buffer.concat(Array.from({ length: count }, (_, i) => frame(opcode, payload(i))))
      const clients = await Promise.all(Array.from({ length: 10 }, () => connectRaw(url)))
      const before = memory()
      for (const { socket } of clients) {
        socket.removeAllListeners('data')
        socket.pause()
        socket.write(frames)
      }
      await stalled(clients)
      expect(memory() - before).toBeLessThan(clients.length * 2 * MiB + 100 * MiB)
      // The system's own buffers may hold everything that one of the clients sends, but not what all of them send.
      expect(clients.filter(({ socket }) => socket.writableLength > 0)).not.toEqual([])

      await Promise.all(
        clients.map(client => {
          const all = collect(client, count, answer, payload)
          client.socket.resume()
          return all
        }),
      )
    },
  )

  test('is freed after a connection has used compression', async () => {
    const { url, memory } = await start({})
    const message = frame(binary, deflate(Buffer.alloc(4096)), { rsv: 4 })
    const open = () => connectRaw(url, { 'Sec-WebSocket-Extensions': 'permessage-deflate' })
    const clients = await Promise.all(Array.from({ length: 400 }, open))
    const exchange = ({ socket, frame: nextFrame }: RawClient) => {
      socket.write(message)
      return nextFrame()
    }
    for (const client of clients.slice(0, 20)) await exchange(client)
    const before = memory()
    for (const client of clients) expect((await exchange(client)).rsv).toBe(4)
    expect((memory() - before) / clients.length).toBeLessThan(40 * 1024)
  })

  test.for([4096, 10])('a thousand delayed connections hold their replies of %i bytes and little else', async size => {
    // Garbage counts as resident memory until it is collected, so it is collected all the time here.
    const { url, memory } = await start({}, '--expose-gc', '--import', 'data:text/javascript,setInterval(gc, 100)')
    const open = (query: string) => Promise.all(Array.from({ length: 1000 }, () => connectRaw(url + query)))
    const arrive = async (clients: RawClient[]) => {
      for (const { socket } of clients) socket.write(frame(ping))
      for (const client of clients) await client.frame()
    }
    await arrive(await open(''))
    const before = memory()
    await arrive(await open(''))
    const idle = memory() - before

    const delayed = await open('?delay=5m')
    const count = Math.round(80_000 / (size + 512))
    const messages = Buffer.concat(Array.from({ length: count }, () => frame(binary, new Uint8Array(size))))
    for (const { socket } of delayed) socket.write(messages)
    await arrive(delayed)
    const waiting = delayed.length * count * (size + 512)
    await expect.poll(() => memory() - before - 2 * idle, { timeout: 10_000 }).toBeLessThan(1.5 * waiting + 30 * MiB)
  })
})
