import { once } from 'node:events'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { connect } from '../suite/client.ts'
import { closePayload, connectRaw, frame, opcodes } from '../suite/raw-client.ts'
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
    await vi.waitFor(() => expect(log.at(-1)).toMatchObject({ msg: 'Disconnected', messages: 5 }))
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
    await vi.waitFor(() => expect(registry.size).toBe(0))
  })

  test('a peer that vanished is noticed while much of its data is unread', async () => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] })
    onTestFinished(() => void vi.useRealTimers())
    const { url, registry } = await serve()
    const client = await connectRaw(`${url}raw?read-rate=1KiB`)
    client.socket.write(frame(binary, new Uint8Array(MiB)))
    await vi.waitFor(() => expect([...registry][0]?.bytes.read).toBeGreaterThan(64 * 1024))
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
    await vi.waitFor(() => expect([registry.size, registry.budget.bytes]).toEqual([0, 0]))
  })
})
