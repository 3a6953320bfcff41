import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { deflateRawSync } from 'node:zlib'
import { expect, test } from 'vitest'
import { connect } from '../suite/client.ts'
import { deflate, inflate } from '../suite/deflate.ts'
import { closePayload, connectRaw, frame, opcodes } from '../suite/raw-client.ts'
import { run } from './run.ts'
import { serve } from './serve.ts'

const { binary, close, continuation, ping, text } = opcodes

const headers = { 'Sec-WebSocket-Extensions': 'permessage-deflate' }
const MiB = 2 ** 20
const slow = frame(binary, deflate(Buffer.alloc(MiB - 8)), { rsv: 4 })

test.for([
  ['text that is not UTF-8', frame(text, Uint8Array.of(0xff)), 1007],
  ['a close code that may not be sent', frame(close, Uint8Array.of(0, 0)), 1002],
  ['a reserved opcode', frame(3), 1002],
] as const)(
  '%s that arrives while an earlier message is inflated fails only its own connection',
  async ([, bad, code]) => {
    const server = run(['node', 'server/main.ts'], { PORT: '0', HOST: '127.0.0.1' })
    const [, url = ''] = await server.line(/Ready on (\S+)/)
    for (let i = 0; i < 20; i++) {
      const client = await connectRaw(`${url}/raw`, headers)
      client.socket.setNoDelay()
      client.socket.write(Buffer.concat(Array.from({ length: 10 }, () => slow)))
      for (const bytes of [bad, frame(text, 'xxxxxxxx'), frame(text, 'xxxxxxxx')]) {
        client.socket.write(bytes)
        await nextTurn()
      }
      for (let replies = 0; replies < 10; replies++)
        expect(await client.frame()).toMatchObject({ opcode: binary, rsv: 4 })
      expect(await client.frame()).toMatchObject({ opcode: close, payload: closePayload(code) })
      client.socket.destroy()
    }
    const { socket, next } = await connect(url)
    socket.send('still here')
    expect(await next()).toBe('[RE]: still here')
  },
)

test('a compressed message in two frames survives a ping between them while a large reply is compressed', async () => {
  const { url } = await serve()
  const payload = Buffer.from('compressible '.repeat(1500))
  const compressed = deflate(payload)
  for (let i = 0; i < 8; i++) {
    const client = await connectRaw(`${url}raw`, headers)
    client.socket.write(
      Buffer.concat([
        frame(binary, randomBytes(MiB - 60)),
        frame(binary, compressed.subarray(0, 50), { rsv: 4, fin: false }),
        frame(ping, 'x'.repeat(125)),
        frame(continuation, compressed.subarray(50)),
      ]),
    )
    const replies = []
    while (replies.length < 3) replies.push(await client.frame())
    const messages = replies.filter(({ opcode }) => opcode === binary)
    expect(messages).toHaveLength(2)
    expect(inflate(messages[1]?.payload ?? Buffer.of()).equals(payload)).toBe(true)
    client.socket.destroy()
  }
})

/** One complete DEFLATE stream, as from a compressor that was told to finish. */
const stream = (data: string) => deflateRawSync(data)

test.for([
  ['two complete streams', [stream('first half, '), stream('second half')], 'first half, second half'],
  ['a stream that ends with its last block', [stream('whole')], 'whole'],
  ['a long stream, and a short one', [stream('x'.repeat(100_000)), stream('end')], `${'x'.repeat(100_000)}end`],
] as const)('a compressed message of %s arrives whole', async ([, streams, expected]) => {
  const { url } = await serve()
  const payload = Buffer.concat([...streams, Buffer.of(0)])
  for (const cut of [payload.length, 3]) {
    const client = await connectRaw(`${url}raw`, headers)
    const isWhole = cut === payload.length
    client.socket.write(frame(text, payload.subarray(0, cut), { rsv: 4, fin: isWhole }))
    if (!isWhole) client.socket.write(frame(continuation, payload.subarray(cut)))
    const reply = await client.frame()
    expect((reply.rsv ? inflate(reply.payload) : reply.payload).toString()).toBe(expected)
    client.socket.destroy()
  }
})

test.for([
  ['garbage behind a complete stream', [stream('x'), Buffer.from('ffffff', 'hex')], 1007],
  ['more streams than a message may have', Array(30).fill(stream('x')), 1007],
  ['streams that are too large together', Array(3).fill(stream('x'.repeat(MiB / 2))), 1009],
] as const)('a compressed message of %s fails its connection', async ([, streams, code]) => {
  const { url } = await serve()
  const client = await connectRaw(`${url}raw`, headers)
  client.socket.write(frame(text, Buffer.concat([...streams, Buffer.of(0)]), { rsv: 4 }))
  expect(await client.frame()).toMatchObject({ opcode: close, payload: closePayload(code) })
  client.socket.destroy()
})

test('a connection that is dropped while its message waits to be inflated ends as soon as its peer does', async () => {
  const { url, control, registry } = await serve({ CONTROL_PORT: '0', MAX_PAYLOAD: '64MiB', MEMORY_BUDGET: '1GiB' })
  const large = frame(binary, deflate(Buffer.alloc(64 * MiB)), { rsv: 4 })
  // More than the server reads ahead, so that it does not notice the end of the peer while it waits.
  const more = frame(binary, new Uint8Array(MiB))
  // zlib works for four of them at a time.
  const clients = await Promise.all(Array.from({ length: 12 }, () => connectRaw(`${url}raw`, headers)))
  const dropped = clients.map(({ socket }) => {
    socket.write(Buffer.concat([large, more]))
    return once(socket, 'end')
  })
  await expect.poll(() => [...registry].every(({ bytes }) => bytes.read > large.length)).toBe(true)
  await fetch(`${control}connections?drop=fin`, { method: 'DELETE' })
  await Promise.all(dropped)
  const ended = performance.now()
  await expect.poll(() => registry.size).toBe(0)
  // Without an end from the peer, the server would wait for 5 s.
  expect(performance.now() - ended).toBeLessThan(4000)
})
