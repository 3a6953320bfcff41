import { setImmediate as nextTurn } from 'node:timers/promises'
import fc from 'fast-check'
import { beforeAll, expect, test } from 'vitest'
import type { Observer } from '../../server/connection/observer.ts'
import type { Traffic } from '../../server/wire/traffic.ts'
import { deflate } from '../suite/deflate.ts'
import { closePayload, connectRaw, frame, opcodes } from '../suite/raw-client.ts'
import { startServer } from './serve.ts'

const { continuation, text, binary, close, ping, pong } = opcodes

type Ended = { log: unknown[]; received: unknown[]; sent: unknown[]; traffic: Traffic; code: number }

/** Starts a server that records the log lines and observed events of each connection that has ended. */
async function startObserved(env: Record<string, string>) {
  let ended = Promise.withResolvers<Ended>()
  const received: unknown[] = []
  const sent: unknown[] = []
  const observer: Observer = {
    wantsMessages: false,
    refused() {},
    opened() {},
    triggered() {},
    answered() {},
    received: (_, opcode, payload, code) => received.push([opcode, payload.toString('hex'), code]),
    sent: (opcode, bytes) => sent.push([opcode, bytes]),
    closed(traffic, code) {
      const lines = started.log.splice(0).map(({ time, connection, address, ...rest }) => rest)
      ended.resolve({ log: lines, received: received.splice(0), sent: sent.splice(0), traffic, code })
      ended = Promise.withResolvers()
    },
  }
  const started = await startServer(env, { observer })
  return { ...started, next: () => ended.promise }
}

type Observed = Awaited<ReturnType<typeof startObserved>>

let servers: [fast: Observed, slow: Observed]
beforeAll(async () => {
  servers = await Promise.all([startObserved({}), startObserved({ FAST_PATH: '0' })])
  return () => Promise.all(servers.map(server => server.close()))
})

const length = fc.oneof(
  { weight: 8, arbitrary: fc.nat(200) },
  { weight: 2, arbitrary: fc.nat(2000) },
  { weight: 1, arbitrary: fc.integer({ min: 65_000, max: 140_000 }) },
)
const payload = fc
  .tuple(length, fc.constantFrom('a', 'é', '漢', '👋'))
  .map(([length, character]) => Buffer.from(character.repeat(Math.ceil(length / Buffer.byteLength(character)))))
const opcode = fc.constantFrom(text, binary)

const fragmented = fc
  .tuple(opcode, fc.array(fc.tuple(payload, fc.boolean()), { minLength: 1, maxLength: 4 }))
  .map(([opcode, parts]) =>
    Buffer.concat(
      parts.flatMap(([data, pings], i) => [
        frame(i === 0 ? opcode : continuation, data, { fin: i === parts.length - 1 }),
        ...(pings && i < parts.length - 1 ? [frame(ping, 'between')] : []),
      ]),
    ),
  )
const legal = fc.oneof(
  { weight: 8, arbitrary: fc.tuple(opcode, payload).map(([opcode, data]) => frame(opcode, data)) },
  { weight: 2, arbitrary: fragmented },
  { weight: 1, arbitrary: fc.constantFrom(ping, pong).map(opcode => frame(opcode, 'control')) },
)
const illegal = fc.oneof(
  fc
    .tuple(fc.nat(15), fc.nat(7), fc.boolean(), fc.boolean(), payload)
    .map(([opcode, rsv, fin, mask, data]) => frame(opcode, data.subarray(0, 100), { rsv, fin, mask })),
  fc.constant(frame(text, Uint8Array.of(0xff))),
)
const bye = frame(close, closePayload(1000))

/**
 * Returns everything that a server sends to a peer, logs and reports to an observer. The peer's bytes arrive in chunks
 * of these lengths, over and over.
 */
async function answers(
  { url, next: ended }: Observed,
  path: string,
  bytes: Buffer,
  lengths: number[],
  headers?: Record<string, string>,
): Promise<Ended & { bytes: string }> {
  const summary = ended()
  const { socket, end } = await connectRaw(url + path, headers)
  socket.setNoDelay()
  for (let at = 0, i = 0; at < bytes.length; i++) {
    const next = at + (lengths[i % lengths.length] ?? bytes.length)
    socket.write(bytes.subarray(at, next))
    at = next
    // The server shares this event loop, so it reads each chunk before the next one is written.
    if (lengths.length > 0) await nextTurn()
  }
  return { bytes: (await end()).toString('hex'), ...(await summary) }
}

const chunks = fc.array(fc.oneof(fc.integer({ min: 1, max: 20 }), fc.integer({ min: 1000, max: 90_000 })), {
  minLength: 4,
  maxLength: 12,
})

const same = (path: string, headers?: Record<string, string>) =>
  fc.asyncProperty(
    fc.array(legal, { maxLength: 12 }),
    fc.option(illegal),
    fc.array(legal, { maxLength: 3 }),
    chunks,
    async (before, bad, after, lengths) => {
      const bytes = Buffer.concat([...before, ...(bad ? [bad] : []), ...after, bye])
      const [fast, slow] = await Promise.all(servers.map(server => answers(server, path, bytes, lengths, headers)))
      expect(fast).toEqual(slow)
    },
  )

test.for([
  { way: 'with the prefix', path: '' },
  { way: 'verbatim', path: 'raw' },
  { way: 'with compression negotiated', path: '', headers: { 'Sec-WebSocket-Extensions': 'permessage-deflate' } },
])('the fast path sends and reports the same as ws alone, wherever chunks end: $way', async ({ path, headers }) => {
  await fc.assert(same(path, headers), { numRuns: 50 })
})

test('nothing overtakes a message that is being inflated, or a reply that is being compressed', async () => {
  const long = Buffer.from('long '.repeat(20_000))
  const bytes = Buffer.concat([
    ...Array.from({ length: 20 }, (_, i) => [
      frame(binary, deflate(long), { rsv: 4 }),
      frame(text, `short ${i}`),
      frame(binary, long),
      frame(text, `shorter ${i}`),
    ]).flat(),
    bye,
  ])
  const headers = { 'Sec-WebSocket-Extensions': 'permessage-deflate' }
  const [fast, slow] = await Promise.all(servers.map(server => answers(server, 'raw', bytes, [], headers)))
  expect(fast).toEqual(slow)
})
