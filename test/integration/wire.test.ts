import { randomBytes, randomInt } from 'node:crypto'
import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { constants, createDeflateRaw, createInflateRaw, deflateRawSync } from 'node:zlib'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { WebSocket as Ws } from 'ws'
import { connect } from '../suite/client.ts'
import { deflate, inflate } from '../suite/deflate.ts'
import { closePayload, connectRaw, frame, opcodes, type RawClient } from '../suite/raw-client.ts'
import { serve } from './serve.ts'

const { binary, close, continuation, ping, pong, text } = opcodes
const MiB = 2 ** 20

const patience = { timeout: 10_000 }

describe('slice', () => {
  test('a reply leaves in slices, 2 ms apart', async () => {
    const { url } = await serve()
    const client = await connectRaw(`${url}raw?slice=3`)
    const sizes: number[] = []
    client.socket.on('data', chunk => sizes.push(chunk.length))
    const sent = performance.now()
    client.socket.write(frame(text, 'x'.repeat(118)))
    expect((await client.frame()).payload.toString()).toBe('x'.repeat(118))
    expect(performance.now() - sent).toBeGreaterThanOrEqual(40 * 2 * 0.9)
    // The client may read several slices at once when the machine is busy.
    expect(sizes.filter(size => size <= 3).length).toBeGreaterThan(20)
    expect(sizes.reduce((sum, size) => sum + size)).toBe(120)
  })

  test('replies and pongs keep their order in slices', async () => {
    const { url } = await serve()
    const client = await connectRaw(`${url}raw?slice=1`)
    client.socket.write(Buffer.concat([frame(text, 'one'), frame(ping, 'between'), frame(binary, 'two')]))
    expect(await client.frame()).toMatchObject({ opcode: text, payload: Buffer.from('one') })
    expect(await client.frame()).toMatchObject({ opcode: pong, payload: Buffer.from('between') })
    expect(await client.frame()).toMatchObject({ opcode: binary, payload: Buffer.from('two') })
  })

  test('a large reply in tiny slices neither takes long from others nor makes many timers', async () => {
    const { url } = await serve()
    const timers = () => process.getActiveResourcesInfo().filter(name => name === 'Timeout').length
    const before = timers()
    const client = await connectRaw(`${url}raw?slice=1`)
    client.socket.write(frame(binary, new Uint8Array(MiB)))
    await client.bytes(20)
    expect(timers()).toBeLessThan(before + 10)
    const bystander = await connect(url)
    bystander.socket.send('still here')
    expect(await bystander.next()).toBe('[RE]: still here')
    client.socket.destroy()
  })

  test.for(['slice=1', 'slice=1&rate=10', 'slice=2&rate=4&repeat=2'])(
    'everything that waits with %s leaves at once when this side closes',
    async query => {
      const { server, url } = await serve({ SHUTDOWN_TIMEOUT: '1m' })
      const client = await connectRaw(`${url}raw?${query}`)
      client.socket.write(frame(binary, new Uint8Array(100_000)))
      await client.bytes(5)
      const closed = server.close()
      await client.bytes(10 + 100_000 - 5)
      expect(await client.frame()).toMatchObject({
        opcode: close,
        payload: closePayload(1001, 'The server is shutting down'),
      })
      client.socket.write(frame(close, closePayload(1001)))
      await closed
    },
  )

  test('a rate below that of the slices still limits the bytes per second', async () => {
    const { url } = await serve()
    const client = await connectRaw(`${url}raw?slice=50&rate=1KiB`)
    const sent = performance.now()
    client.socket.write(frame(binary, new Uint8Array(510)))
    await client.frame()
    expect(performance.now() - sent).toBeGreaterThanOrEqual(500)
  })
})

describe('read-rate', () => {
  test('messages are read no faster than the rate', async () => {
    const { url } = await serve()
    const client = await connectRaw(`${url}raw?read-rate=4KiB`)
    const sent = performance.now()
    const messages = Array.from({ length: 20 }, (_, i) => frame(text, `${i}`.padStart(100)))
    client.socket.write(Buffer.concat(messages))
    for (let i = 0; i < 20; i++) expect((await client.frame()).payload.toString()).toBe(`${i}`.padStart(100))
    // The first portion is read at once.
    expect(performance.now() - sent).toBeGreaterThanOrEqual(((20 * 106) / 4096) * 1000 - 20)
  })

  test('short messages that arrive one by one are not held up below the rate', async () => {
    const { url } = await serve()
    const client = await connectRaw(`${url}raw?read-rate=1MiB`)
    const sent = performance.now()
    for (let i = 0; i < 200; i++) {
      client.socket.write(frame(text, `${i}`))
      expect((await client.frame()).payload.toString()).toBe(`${i}`)
    }
    expect(performance.now() - sent).toBeLessThan(2000)
  })

  test('a sender above the rate has to wait', async () => {
    const { url, registry } = await serve()
    const client = await connectRaw(`${url}raw?read-rate=1KiB`)
    const large = frame(binary, new Uint8Array(MiB))
    for (let i = 0; i < 32; i++) client.socket.write(large)
    // The operating system takes as much as it has room for.
    let waiting = Number.POSITIVE_INFINITY
    await vi.waitFor(() => {
      const { writableLength } = client.socket
      const isSettled = writableLength === waiting
      waiting = writableLength
      expect(isSettled).toBe(true)
    }, patience)
    expect(waiting).toBeGreaterThan(8 * MiB)
    const [connection] = registry
    expect(connection?.bytes.read).toBeLessThan(MiB)
  })

  test('a message that comes slowly because of the rate does not time out', async () => {
    const { url } = await serve({ MESSAGE_TIMEOUT: '100ms' })
    const client = await connectRaw(`${url}raw?read-rate=5KiB`)
    const payload = Buffer.alloc(5000, 'slow')
    client.socket.write(
      Buffer.concat([frame(text, payload), frame(text, 'a', { fin: false }), frame(continuation, payload)]),
    )
    expect((await client.frame()).payload.equals(payload)).toBe(true)
    expect((await client.frame()).payload.toString()).toBe(`a${payload}`)
  })

  test('a message of which no more comes times out', async () => {
    const { url } = await serve({ MESSAGE_TIMEOUT: '100ms' })
    const client = await connectRaw(`${url}raw?read-rate=5KiB`)
    client.socket.write(frame(text, 'x'.repeat(500)).subarray(0, 300))
    expect(await client.frame()).toMatchObject({ opcode: close, payload: closePayload(1008) })
  })

  test.for(['close frame', 'end'])('the peer’s %s is noticed after everything before it', async last => {
    const { url, log } = await serve()
    const client = await connectRaw(`${url}raw?read-rate=2KiB`)
    client.socket.write(Buffer.concat(Array.from({ length: 5 }, () => frame(text, 'x'.repeat(94)))))
    if (last === 'end') client.socket.end()
    else client.socket.end(frame(close, closePayload(3000)))
    for (let i = 0; i < 5; i++) expect(await client.frame()).toMatchObject({ opcode: text })
    if (last !== 'end') expect(await client.frame()).toMatchObject({ opcode: close, payload: closePayload(3000) })
    expect(await client.end()).toHaveLength(0)
    await expect.poll(() => log.at(-1)).toMatchObject({ msg: 'Disconnected', messages: 5 })
  })

  test.for([
    ['this side closes', 'close=4000&after=1', 4000],
    ['the peer breaks the protocol', '', 1002],
  ] as const)('when %s, the rest is read without the limit', async ([, also, code]) => {
    const { url, registry } = await serve()
    const client = await connectRaw(`${url}raw?read-rate=100&${also}`)
    client.socket.write(frame(text, 'x'))
    client.socket.write(code === 1002 ? frame(3) : frame(text, 'y'))
    client.socket.write(frame(binary, new Uint8Array(MiB)))
    expect(await client.frame()).toMatchObject({ opcode: text })
    expect(await client.frame()).toMatchObject({ opcode: close, payload: closePayload(code) })
    client.socket.write(frame(close, closePayload(code)))
    client.socket.end()
    await client.end()
    await expect.poll(() => registry.size).toBe(0)
  })

  test('a peer that vanished is noticed while much of its data is unread', async () => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] })
    onTestFinished(() => void vi.useRealTimers())
    const { url, registry } = await serve()
    const client = await connectRaw(`${url}raw?read-rate=1KiB`)
    client.socket.write(frame(binary, new Uint8Array(MiB)))
    await expect.poll(() => [...registry][0]?.bytes.read).toBeGreaterThan(64 * 1024)
    client.socket.resetAndDestroy()
    await once(client.socket, 'close')
    await vi.waitFor(() => {
      vi.advanceTimersByTime(2000)
      expect(registry.size).toBe(0)
    }, patience)
  })

  test('the bytes that wait to be read count towards the memory budget', async () => {
    const { url, registry } = await serve()
    const client = await connectRaw(`${url}raw?read-rate=1KiB`)
    client.socket.write(Buffer.concat(Array.from({ length: 500 }, () => frame(text, 'x'.repeat(94)))))
    await client.frame()
    expect(registry.budget.bytes).toBeGreaterThan(30_000)
    client.socket.destroy()
    await expect.poll(() => [registry.size, registry.budget.bytes]).toEqual([0, 0])
  })
})

/** The contexts of a client that takes them over (RFC 7692, section 7.1.1). */
function createContexts(windowBits = 15) {
  const options = { flush: constants.Z_SYNC_FLUSH }
  const transform = (
    stream: ReturnType<typeof createDeflateRaw | typeof createInflateRaw>,
    data: Uint8Array | string,
  ) =>
    new Promise<Buffer>((resolve, reject) => {
      const output: Buffer[] = []
      const collect = (chunk: Buffer) => output.push(chunk)
      stream.on('data', collect).once('error', reject)
      stream.write(data, () => {
        stream.off('data', collect).off('error', reject)
        resolve(Buffer.concat(output))
      })
    })
  const deflater = createDeflateRaw(options)
  const inflater = createInflateRaw({ ...options, windowBits })
  return {
    deflate: async (data: Uint8Array | string) => (await transform(deflater, data)).subarray(0, -4),
    inflate: (data: Uint8Array) => transform(inflater, Buffer.concat([data, Buffer.of(0, 0, 0xff, 0xff)])),
  }
}

const extensionsOf = ({ head }: RawClient) => /^sec-websocket-extensions: (.*)$/im.exec(head)?.[1]
const offering = (offer: string) => ({ 'Sec-WebSocket-Extensions': offer })

describe('compress=takeover', () => {
  const open = (url: string, offer = 'permessage-deflate', also = '') =>
    connectRaw(`${url}raw?compress=takeover${also}`, offering(offer))

  test('200 messages of any size arrive unchanged in both directions at a client with takeover', async () => {
    const { url } = await serve()
    const socket = new Ws(`${url}raw?compress=takeover`)
    const opened = once(socket, 'open')
    const [response] = (await once(socket, 'upgrade')) as [IncomingMessage]
    await opened
    expect(response.headers['sec-websocket-extensions']).toBe('permessage-deflate')
    const words = randomBytes(50_000).toString('hex')
    const messages = Array.from({ length: 200 }, (_, i) => {
      const size = i < 3 ? i : randomInt(100 * 1024)
      return i % 2 ? randomBytes(size) : Buffer.from(words.slice(0, size))
    })
    const received: Buffer[] = []
    const all = new Promise<void>(resolve =>
      socket.on('message', data => received.push(data as Buffer) === messages.length && resolve()),
    )
    for (const [i, message] of messages.entries()) socket.send(message, { binary: i % 2 === 1 })
    await all
    expect(received.map((message, i) => message.equals(messages[i] as Buffer)).indexOf(false)).toBe(-1)
    socket.close()
    expect((await once(socket, 'close'))[0]).toBe(1005)
  })

  test.for([
    ['a short text', Buffer.from('the quick brown fox jumps over the lazy dog')],
    ['random bytes', randomBytes(10_000)],
  ] as const)('%s compresses much better the second time', async ([, payload]) => {
    const { url } = await serve()
    const client = await open(url)
    expect(extensionsOf(client)).toBe('permessage-deflate')
    const contexts = createContexts()
    const sizes: number[] = []
    for (let i = 0; i < 3; i++) {
      client.socket.write(frame(binary, await contexts.deflate(payload), { rsv: 4 }))
      const reply = await client.frame()
      expect(reply).toMatchObject({ opcode: binary, rsv: 4, fin: true })
      sizes.push(reply.payload.length)
      expect((await contexts.inflate(reply.payload)).equals(payload)).toBe(true)
    }
    expect(sizes[1]).toBeLessThan((sizes[0] ?? 0) / 3)
    expect(sizes[2]).toBeLessThan((sizes[0] ?? 0) / 3)
  })

  test('empty, plain, fragmented and long messages and pings are answered in order', async () => {
    const { url } = await serve()
    const client = await open(url)
    const { deflate, inflate } = createContexts()
    const long = Buffer.alloc(MiB - 10, 'long and compressible')
    const whole = await deflate('in two frames')
    client.socket.write(
      Buffer.concat([
        frame(text, whole.subarray(0, 4), { rsv: 4, fin: false }),
        frame(ping, 'between'),
        frame(continuation, whole.subarray(4)),
        frame(binary, await deflate(long), { rsv: 4 }),
        frame(text, ''),
        frame(text, ''),
        frame(ping, 'behind'),
        frame(text, 'plain'),
        frame(text, await deflate('in two frames'), { rsv: 4 }),
        frame(text, Buffer.of(0), { rsv: 4 }),
      ]),
    )
    const replies: string[] = []
    for (let i = 0; i < 9; i++) {
      const { opcode, rsv, payload } = await client.frame()
      expect(rsv).toBe(opcode === pong ? 0 : 4)
      const whole = opcode === pong ? payload : await inflate(payload)
      replies.push(opcode === binary ? `${whole.equals(long)}` : `${whole}`)
    }
    expect(replies).toEqual(['between', 'in two frames', 'true', '', '', 'behind', 'plain', 'in two frames', ''])
  })

  test.for([
    ['permessage-deflate; server_max_window_bits=9', 'permessage-deflate; server_max_window_bits=9', 9],
    ['permessage-deflate; client_max_window_bits', 'permessage-deflate', 15],
    ['permessage-deflate; server_no_context_takeover, permessage-deflate', 'permessage-deflate', 15],
    ['permessage-deflate; client_no_context_takeover', 'permessage-deflate; client_no_context_takeover', 15],
  ] as const)('the offer %s is answered with %s', async ([offer, agreed, windowBits]) => {
    const { url } = await serve()
    const client = await open(url, offer)
    expect(extensionsOf(client)).toBe(agreed)
    const contexts = createContexts(windowBits)
    const isFresh = agreed.includes('client_no_context_takeover')
    const payload = randomBytes(1500)
    for (let i = 0; i < 3; i++) {
      const sent = isFresh ? deflate(payload) : await contexts.deflate(payload)
      client.socket.write(frame(binary, sent, { rsv: 4 }))
      expect((await contexts.inflate((await client.frame()).payload)).equals(payload)).toBe(true)
    }
  })

  test.for([
    ['permessage-deflate; server_no_context_takeover', "the client's offer does not allow it: "],
    [
      'permessage-deflate; server_no_context_takeover,permessage-deflate; server_no_context_takeover; client_max_window_bits',
      "the client's offer does not allow it: ",
    ],
    ['x-unknown', 'the client does not offer permessage-deflate'],
    [undefined, 'the client does not offer permessage-deflate'],
  ] as const)('the offer %s is refused with 400 and the reason', async ([offer, reason]) => {
    const { url } = await serve()
    const client = await connectRaw(`${url}raw?compress=takeover`, offer === undefined ? {} : offering(offer))
    expect(client.head).toMatch(/^HTTP\/1.1 400 /)
    const body = (await client.end()).toString()
    expect(body).toBe(`compress=takeover: ${reason}${reason.endsWith(' ') ? offer : ''}\n`)
  })

  test.for([
    ['data that does not inflate', Buffer.of(0xff, 0xff, 0xff), 1007],
    ['a message that inflates to more than MAX_PAYLOAD', deflate(Buffer.alloc(MiB + 1)), 1009],
    [
      'a message that inflates to a gigabyte',
      Buffer.concat(Array(16).fill(Buffer.concat([deflate(Buffer.alloc(64 * MiB)), Buffer.of(0, 0, 0xff, 0xff)]))),
      1009,
    ],
    ['text that is not UTF-8', deflate(Buffer.of(0xff)), 1007],
    ['more DEFLATE streams than a message may have', Buffer.concat(Array(30).fill(deflateRawSync('x'))), 1007],
    ['streams that are too large together', Buffer.concat(Array(3).fill(deflateRawSync(Buffer.alloc(MiB / 2)))), 1009],
  ] as const)('%s fails its connection, with the code after valid ones', async ([, payload, code]) => {
    const { url, registry } = await serve()
    const client = await open(url)
    const { inflate } = createContexts()
    client.socket.write(Buffer.concat([frame(text, deflate('valid'), { rsv: 4 }), frame(text, payload, { rsv: 4 })]))
    expect((await inflate((await client.frame()).payload)).toString()).toBe('valid')
    expect(await client.frame()).toMatchObject({ opcode: close, payload: closePayload(code) })
    client.socket.end()
    await expect.poll(() => [registry.size, registry.budget.bytes]).toEqual([0, 0])
  })

  test.for([
    ['two complete streams', Buffer.concat([deflateRawSync('one, '), deflateRawSync('two'), Buffer.of(0)]), 'one, two'],
    [
      'a stream that ends with the bytes that are not sent',
      Buffer.concat([deflate('whole'), Buffer.of(0, 0, 0xff, 0xff, 1)]),
      'whole',
    ],
  ] as const)('messages of %s arrive whole, one after the other', async ([, payload, expected]) => {
    const { url } = await serve()
    const client = await open(url)
    const { inflate } = createContexts()
    for (let i = 0; i < 3; i++) {
      client.socket.write(frame(text, payload, { rsv: 4 }))
      expect((await inflate((await client.frame()).payload)).toString()).toBe(expected)
    }
  })

  test('the contexts count towards the memory budget until the connection is gone', async () => {
    const { url, registry } = await serve()
    const client = await open(url)
    expect(registry.budget.bytes).toBe(0)
    client.socket.write(frame(text, deflate('x'), { rsv: 4 }))
    await client.frame()
    await expect.poll(() => registry.budget.bytes).toBe(2 ** 18 + 2 ** 15 + 2 ** 16)
    client.socket.destroy()
    await expect.poll(() => [registry.size, registry.budget.bytes]).toEqual([0, 0])
  })

  test('contexts take no more memory than MEMORY_BUDGET', async () => {
    const { url, registry, log } = await serve({ MEMORY_BUDGET: '2MiB', MAX_PAYLOAD: '256KiB' })
    const bystander = await connect(url)
    const clients: RawClient[] = []
    while (!log.some(({ msg }) => msg === 'Gave up the connection') && clients.length < 100) {
      const client = await open(url)
      clients.push(client)
      client.socket.write(frame(text, deflate('x'), { rsv: 4 }))
      // A connection that is throttled does not answer.
      await Promise.race([
        client.frame().catch(() => {}),
        once(client.socket, 'close'),
        expect.poll(() => log.some(({ msg }) => msg === 'Gave up the connection')).toBe(true),
      ])
      expect(registry.budget.bytes).toBeLessThan(3 * MiB)
    }
    expect(log).toContainEqual(expect.objectContaining({ problem: 'Too little memory is free' }))
    bystander.socket.send('still here')
    expect(await bystander.next()).toBe('[RE]: still here')
  })

  test.for(['', '&repeat=100', '&close=1011&after=1', '&drop=fin&after=1'])(
    'peers that leave while zlib works%s leave nothing behind, and zlib serves others',
    async also => {
      const { url, registry } = await serve()
      const large = frame(binary, deflate(randomBytes(MiB / 2)), { rsv: 4 })
      for (let moment = 0; moment < 16; moment++) {
        const leaving = await Promise.all([1, 2, 3].map(() => open(url, 'permessage-deflate', also)))
        for (const { socket } of leaving) socket.write(Buffer.concat([large, large, large]))
        // Each leaves at another moment of the work.
        for (let turn = 0; turn < 2 ** moment; turn++) await nextTurn()
        for (const { socket } of leaving) socket.resetAndDestroy()
      }
      await expect.poll(() => [registry.size, registry.budget.bytes]).toEqual([0, 0])
      const client = await connectRaw(`${url}raw`, offering('permessage-deflate'))
      const payload = Buffer.alloc(100_000, 'still here')
      client.socket.write(frame(binary, deflate(payload), { rsv: 4 }))
      expect(inflate((await client.frame()).payload).equals(payload)).toBe(true)
    },
  )

  test('shutdown sends the replies that zlib works on, then the close frame', async () => {
    const { server, url } = await serve({ SHUTDOWN_TIMEOUT: '1m' })
    const client = await open(url)
    const { inflate } = createContexts()
    const payload = randomBytes(MiB / 2)
    client.socket.write(Buffer.concat([frame(ping), frame(binary, deflate(payload), { rsv: 4 })]))
    await client.frame()
    const closed = server.close()
    let last = await client.frame()
    if (last.opcode === binary) {
      expect((await inflate(last.payload)).equals(payload)).toBe(true)
      last = await client.frame()
    }
    expect(last).toMatchObject({ opcode: close })
    client.socket.write(frame(close, closePayload(1001)))
    await closed
  })
})

test('compress=off declines every offer', async () => {
  const { url } = await serve()
  for (const offer of ['permessage-deflate', 'permessage-deflate; server_no_context_takeover, permessage-deflate']) {
    const client = await connectRaw(`${url}raw?compress=off`, offering(offer))
    expect(client.head).toMatch(/^HTTP\/1.1 101 /)
    expect(extensionsOf(client)).toBeUndefined()
    client.socket.write(frame(text, 'x'.repeat(5000)))
    expect(await client.frame()).toMatchObject({ rsv: 0, payload: Buffer.from('x'.repeat(5000)) })
    client.socket.write(frame(text, deflate('x'), { rsv: 4 }))
    expect(await client.frame()).toMatchObject({ opcode: close, payload: closePayload(1002) })
  }
})
