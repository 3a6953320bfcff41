import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { connect as connectTcp, type Socket } from 'node:net'
import { setTimeout } from 'node:timers/promises'
import fc from 'fast-check'
import { beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest'
import { connect } from '../suite/client.ts'
import { deflate } from '../suite/deflate.ts'
import { describeFaults } from '../suite/faults.ts'
import { describeHandshakes } from '../suite/handshakes.ts'
import { closePayload, connectRaw, frame, handshake, opcodes } from '../suite/raw-client.ts'
import { serve, startServer } from './serve.ts'

const { binary, close, ping, text } = opcodes

let url: string
beforeAll(async () => {
  const { server, url: started } = await startServer()
  url = started
  return () => server.close()
})

describeFaults('directly', () => `${url}raw`)
describeHandshakes('directly, the handshake', () => `${url}raw`)

test('a delayed or fragmented text has its prefix, ticks and hello have none', async () => {
  const { socket, next } = await connect(`${url}?hello&tick=10ms&delay=10ms&fragment=3`)
  socket.send('hello')
  const received = new Set<unknown>()
  while (!received.has('[RE]: hello') || !received.has('tick 1')) received.add(await next())
  expect([...received][0]).toMatch(/^\{"connection":/)
})

test('drop=rst arrives as a reset', async () => {
  const { socket, end } = await connectRaw(`${url}?drop=rst&after=1`)
  socket.write(frame(text, 'last words'))
  const [error] = await once(socket, 'error')
  expect(error).toMatchObject({ code: 'ECONNRESET' })
  expect((await end()).toString()).toContain('last words')
})

test('drop=fin arrives as an end, even for a peer that keeps sending', async () => {
  const { socket } = await connectRaw(`${url}?drop=fin&after=50ms`)
  const errors: Error[] = []
  socket.on('error', error => errors.push(error))
  const sending = setInterval(() => socket.write(frame(binary, new Uint8Array(10_000))), 1)
  await once(socket, 'end')
  clearInterval(sending)
  expect(errors).toEqual([])
})

test('a stalled server stops reading', async () => {
  const { socket } = await connectRaw(`${url}?stall`)
  const message = frame(binary, new Uint8Array(2 ** 20))
  // More than any operating system buffers between two sockets.
  for (let i = 0; i < 64; i++) socket.write(message)
  const other = await connectRaw(url)
  for (let i = 0; i < 64; i++) other.socket.write(message)
  for (let i = 0; i < 64; i++) await other.frame()
  expect(socket.writableLength).toBeGreaterThan(0)
})

test('a stalled server notices when a peer resets the connection', async () => {
  const { log, url } = await serve()
  const { socket } = await connectRaw(`${url}?stall`)
  socket.resetAndDestroy()
  const { socket: later, closed } = await connect(url)
  later.close()
  await closed
  await expect.poll(() => log.filter(({ msg }) => msg === 'Disconnected')).toHaveLength(2)
})

test('shutdown drops waiting replies, ends stalled connections, and finishes the current frame', async () => {
  const { server, url } = await serve({ SHUTDOWN_TIMEOUT: '1m' })
  const slow = await connectRaw(`${url}raw?rate=1KiB`)
  const delayed = await connectRaw(`${url}raw?delay=5m`)
  const stalled = await connectRaw(`${url}?stall`)
  const late = connectRaw(`${url}?handshake-delay=5m`)
  const dropped = await connectRaw(`${url}?drop=fin`)
  dropped.socket.pause()
  for (const { socket } of [slow, delayed]) socket.write(frame(binary, new Uint8Array(60_000)))
  delayed.socket.write(frame(ping))
  await delayed.frame()
  await slow.bytes(100)

  const closed = server.close()
  for (const client of [slow, delayed]) {
    if (client === slow) await client.bytes(4 + 60_000 - 100)
    expect(await client.frame()).toMatchObject({ opcode: close })
    client.socket.write(frame(close, closePayload(1001)))
  }
  expect(await stalled.end()).toHaveLength(0)
  await expect(late).rejects.toThrow('the connection ended')
  await closed
})

test('the log has the requested faults, and the names of parameters that are not faults', async () => {
  const { log, url } = await serve()
  for (const query of ['?close=1011&reason=a%0ab', '?token=secret&v=2&token=secret', '']) {
    const { socket, closed } = await connect(url + query)
    socket.close()
    await closed
  }
  const connected = log.filter(({ msg }) => msg === 'Connected!')
  expect(connected.map(({ faults, ignored }) => ({ faults, ignored }))).toEqual([
    { faults: 'close=1011&reason=a%0ab' },
    { ignored: 'token, v' },
    {},
  ])
  expect(connected.every(({ level }) => level === 'info')).toBe(true)
  expect(log).toContainEqual(expect.objectContaining({ msg: 'Triggered a fault', fault: 'close=1011' }))
  expect(JSON.stringify(log)).not.toContain('secret')
})

test('NO_FAULTS=1 ignores the query', async () => {
  const { log, url } = await serve({ NO_FAULTS: '1' })
  for (const query of ['reject=503', 'delay=x', 'close=1011', 'token=x']) {
    const { socket, next } = await connect(`${url}?${query}`)
    socket.send('hello')
    expect(await next()).toBe('[RE]: hello')
  }
  for (const line of log) expect(line).not.toHaveProperty('ignored')
})

test('an origin that is not allowed is refused, whatever its query', async () => {
  const { url } = await serve({ ALLOWED_ORIGINS: 'https://a.example' })
  const { head } = await connectRaw(`${url}?hello`, { Origin: 'https://b.example' })
  expect(head).toMatch(/^HTTP\/1.1 403 /)
})

test.for(['', '&fragment=3', '&rate=1MiB'])(
  'a peer that leaves amid many repeated replies%s affects nobody else',
  async also => {
    const { server, url } = await serve()
    const client = await connectRaw(`${url}?repeat=1000${also}`)
    client.socket.write(Buffer.concat(Array.from({ length: 100 }, () => frame(text, 'again and again'))))
    await client.frame()
    client.socket.resetAndDestroy()
    await server.close()
  },
)

test('a stalled connection with a low rate is cleaned up', async () => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] })
  onTestFinished(() => void vi.useRealTimers())
  const { url, server } = await serve()
  await connectRaw(`${url}?rate=1&stall`)
  vi.advanceTimersByTime(100_000)
  const { socket, next } = await connect(url)
  socket.send('still here')
  expect(await next()).toBe('[RE]: still here')
  socket.close()
  await server.close()
})

describe('paused with many bytes waiting', () => {
  const large = Buffer.alloc(400_000, 'a')
  /** Sends until the server stops reading. */
  const fill = async ({ registry, url }: Awaited<ReturnType<typeof serve>>, query: string) => {
    const client = await connect(`${url}?${query}`)
    for (let i = 0; i < 8; i++) client.socket.send(large)
    await expect.poll(() => registry.budget.bytes).toBeGreaterThan(2 ** 20)
    return client
  }

  test.for(['', '&stall&after=200ms'])('a peer with compression that leaves at ?delay=1m%s is gone', async also => {
    const started = await serve()
    const { registry, log } = started
    const { socket } = await fill(started, `delay=1m${also}`)
    if (also) await expect.poll(() => log.some(({ fault }) => fault === 'stall')).toBe(true)
    ;(socket as unknown as { _socket: Socket })._socket.resetAndDestroy()
    await expect.poll(() => registry.size, { timeout: 10_000 }).toBe(0)
  })

  test('a peer with compression is closed at once, also on shutdown', async () => {
    const started = await serve({ SHUTDOWN_TIMEOUT: '1m' })
    const { closed } = await fill(started, 'delay=1m&close=4000&after=500ms')
    expect(await closed).toMatchObject({ code: 4000 })
    const another = await fill(started, 'delay=1m')
    await started.server.close()
    expect(await another.closed).toMatchObject({ code: 1001 })
  })

  test('peers that leave while their replies are compressed are gone', async () => {
    const { url, registry } = await serve({ NO_FAULTS: '1' })
    const noise = Buffer.from(randomBytes(500_000).toString('hex'))
    for (let wait = 10; wait < 120; wait += 10) {
      const client = await connectRaw(url, { 'Sec-WebSocket-Extensions': 'permessage-deflate' })
      const message = (payload: Buffer) => frame(binary, deflate(payload), { rsv: 4 })
      const small = message(Buffer.alloc(100))
      client.socket.write(Buffer.concat([message(noise), message(noise), ...Array(200).fill(small)]))
      // Each leaves at another moment of the compression.
      await setTimeout(wait)
      client.socket.resetAndDestroy()
    }
    await expect.poll(() => registry.size, { timeout: 10_000 }).toBe(0)
  })
})

test('an idle connection with a low rate is closed with the code', async () => {
  const { url, server } = await serve({ SHUTDOWN_TIMEOUT: '1m' })
  const { socket, next, closed } = await connect(`${url}?rate=1KiB`)
  socket.send('x')
  await next()
  await server.close()
  expect(await closed).toMatchObject({ code: 1001 })
})

test('a peer that leaves before its delayed 101 makes room', async () => {
  const { url } = await serve({ MAX_CONNECTIONS: '1' })
  const late = connectTcp(Number(new URL(url).port), '127.0.0.1')
  late.end(`${handshake(`${url}?handshake-delay=5m`)}\r\n`)
  await once(late.resume(), 'close')
  const { socket, next } = await connect(url)
  socket.send('hello')
  expect(await next()).toBe('[RE]: hello')
})

test('waiting replies pause reading, and all of them arrive', async () => {
  const { url } = await serve({ HIGH_WATER_MARK: '64KiB' })
  const client = await connectRaw(`${url}raw?delay=200ms`)
  const count = 1000
  client.socket.write(Buffer.concat(Array.from({ length: count }, (_, i) => frame(text, `${i}`))))
  for (let i = 0; i < count; i++) expect((await client.frame()).payload.toString()).toBe(`${i}`)
})

test('any combination leaves the server healthy, and neither timers nor connections behind', async () => {
  const some = (...values: string[]) => fc.constantFrom(...values)
  const durations = some('0', '1ms', '7ms', '5m')
  const query = fc
    .record(
      {
        delay: durations,
        jitter: durations,
        loss: some('0', '0.5', '1', '10%'),
        // With one-byte fragments, more messages would send hundreds of megabytes.
        repeat: some('1', '3', '50'),
        fragment: some('1', '3', '1KiB'),
        rate: some('1', '100', '1MiB'),
        slice: some('1', '1000', '65535'),
        'read-rate': some('1', '1KiB', '1GiB'),
        tick: some('10ms', '1s'),
        ping: some('0', '10ms', '1h'),
        pings: some('ignore'),
        message: some('', 'a', 'a&message=b'),
        'close-delay': some('0', '3ms', '5m'),
        'close-reply': some('none', '4000'),
        compress: some('off', 'takeover'),
        auth: some('bearer:a', 'basic:a:b'),
        header: some('A:b', 'A:b&header=A:c'),
        times: some('1', '1000'),
        ending: fc.oneof(
          some('close=1000', 'close=4999&reason=x', 'drop=fin', 'drop=rst', 'stall', 'corrupt=utf8', 'corrupt=length'),
          some('corrupt=unfinished', 'corrupt=deflate', 'corrupt=header', 'corrupt=close-1'),
          some('reject=204', 'reject=503&retry-after=1s&body=x', 'redirect=307&location=/raw'),
          some('close=1011', 'drop=rst', 'stall', 'corrupt=mask').map(ending => `${ending}&after=2`),
          some('close=1011', 'drop=fin', 'stall', 'corrupt=rsv').map(ending => `${ending}&after=5ms`),
        ),
        handshake: some('wrong-accept', 'wrong-subprotocol'),
        'handshake-delay': some('0', '3ms', '5m'),
        hello: some(''),
        subprotocol: some('', 'a', 'b'),
        seed: some('0', '4294967295'),
      },
      { requiredKeys: [] },
    )
    .map(({ ending, ...rest }) => [...Object.entries(rest).map(([name, value]) => `${name}=${value}`), ending ?? []])
    .map(parts => parts.flat().join('&'))
  const last = some('close', 'close frame', 'end', 'reset')

  const { server, url } = await startServer({ HIGH_WATER_MARK: '64KiB' })
  const timers = () => process.getActiveResourcesInfo().filter(name => name === 'Timeout').length
  const before = timers()
  await fc.assert(
    fc.asyncProperty(query, last, async (query, last) => {
      const attempt = connectRaw(`${url}raw?${query}`, {
        'Sec-WebSocket-Protocol': 'a, b',
        'Sec-WebSocket-Extensions': 'permessage-deflate',
        Authorization: 'Bearer a',
      })
      const bystander = await connect(url)
      const client = await (query.includes('handshake-delay=5m') ? undefined : attempt)
      if (client === undefined) attempt.catch(() => {})
      else {
        for (const payload of ['', 'hello', 'x'.repeat(5000)]) client.socket.write(frame(text, payload))
        client.socket.write(Buffer.concat([frame(ping), frame(binary, new Uint8Array(100_000))]))
        if (last === 'close frame') client.socket.write(frame(close, closePayload(1000)))
        if (last === 'end') client.socket.end()
        bystander.socket.send('still here')
        expect(await bystander.next()).toBe('[RE]: still here')
        if (last === 'reset') client.socket.resetAndDestroy()
        else if (last === 'close') client.socket.destroy()
      }
      bystander.socket.close()
      await bystander.closed
    }),
    { numRuns: 300 },
  )
  await server.close()
  expect(timers()).toBeLessThanOrEqual(before)
})

test('close-reply=none ends a connection that the client has already ended', async () => {
  const { url } = await serve()
  for (const query of ['close-delay=50ms', 'rate=1000']) {
    const { socket, end } = await connectRaw(`${url}raw?close-reply=none&${query}`)
    socket.end(Buffer.concat([frame(text, 'x'.repeat(100)), frame(close, closePayload(1000))]))
    expect(await end()).toHaveLength(102)
  }
})
