import { describe, expect, test } from 'vitest'
import { connect } from '../suite/client.ts'
import { closePayload, connectRaw, frame, opcodes } from '../suite/raw-client.ts'
import { serve } from './serve.ts'

const { binary, close, ping, pong, text } = opcodes
const MiB = 2 ** 20

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
