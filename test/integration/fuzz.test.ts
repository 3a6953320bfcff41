import { connect as connectTcp } from 'node:net'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { createLogger } from '../../server/log.ts'
import { fuzzFaults } from '../fuzz/faults.ts'
import type { SentFrame } from '../fuzz/model.ts'
import { createLogReader, verify, verifyLog } from '../fuzz/verify.ts'
import { connect } from '../suite/client.ts'
import { closePayload, handshake, opcodes } from '../suite/raw-client.ts'
import { serve } from './serve.ts'

const MAX_PAYLOAD = 5000

const payload = fc.oneof(
  fc.string().map(text => Buffer.from(text.toWellFormed())),
  fc.uint8Array({ maxLength: 200 }).map(bytes => Buffer.from(bytes)),
  fc.integer({ min: 0, max: MAX_PAYLOAD + 10 }).map(length => Buffer.alloc(length, 'a')),
)
const usual = fc.record<SentFrame>({
  fin: fc.boolean(),
  rsv: fc.constant(0),
  opcode: fc.constantFrom(opcodes.continuation, opcodes.text, opcodes.text, opcodes.binary, opcodes.ping, opcodes.pong),
  payload,
  mask: fc.constant(true),
})
const closing = fc.tuple(fc.integer({ min: 0, max: 5100 }), payload).map(([code, reason]) => ({
  fin: true,
  rsv: 0,
  opcode: opcodes.close,
  payload: closePayload(code, reason).subarray(0, 125),
  mask: true,
}))
const strange = fc.record<SentFrame>({
  fin: fc.boolean(),
  rsv: fc.nat(7),
  opcode: fc.nat(15),
  payload,
  mask: fc.boolean(),
})
const frames = fc.array(
  fc.oneof({ weight: 20, arbitrary: usual }, { weight: 1, arbitrary: closing }, { weight: 1, arbitrary: strange }),
  { maxLength: 20 },
)

describe.for(['1', '0'])('with FAST_PATH=%s', fastPath => {
  test('any frames get the answers, close code and log lines of RFC 6455, wherever chunks end', async () => {
    const reader = createLogReader()
    const logger = createLogger('info', 'json', { write: line => reader.add(JSON.parse(line)) })
    const { url } = await serve({ FAST_PATH: fastPath, MAX_PAYLOAD: String(MAX_PAYLOAD), REPLY_PREFIX: '' }, { logger })
    let streams = 0
    await fc.assert(
      fc.asyncProperty(frames, fc.infiniteStream(fc.nat(2000)), async (frames, sizes) => {
        const next = sizes[Symbol.iterator]()
        const path = `${++streams}`
        const summary = reader.of(`/${path}`)
        const expected = await verify(url + path, frames, MAX_PAYLOAD, () => next.next().value as number)
        verifyLog(await summary, expected)
      }),
      { numRuns: 500 },
    )
  })

  test('any bytes, from the handshake on, affect nobody else', async () => {
    const { url, port, registry } = await serve({ FAST_PATH: fastPath })
    const bystander = await connect(url)
    const whole = `${handshake(url)}\r\n`
    const start = fc.oneof(
      fc.constant(Buffer.from(whole)),
      // A handshake with some bytes changed.
      fc.tuple(fc.array(fc.tuple(fc.nat(whole.length - 1), fc.nat(255)), { maxLength: 5 })).map(([changes]) => {
        const bytes = Buffer.from(whole)
        for (const [at, byte] of changes) bytes[at] = byte
        return bytes
      }),
      fc.uint8Array({ maxLength: 300 }).map(bytes => Buffer.from(bytes)),
    )
    let count = 0
    await fc.assert(
      fc.asyncProperty(start, fc.array(fc.uint8Array({ maxLength: 100 }), { maxLength: 10 }), async (start, chunks) => {
        const socket = connectTcp(port, '127.0.0.1')
        socket.on('error', () => {})
        socket.resume()
        socket.write(start)
        for (const chunk of chunks) socket.write(chunk)
        socket.end()
        await new Promise(resolve => socket.once('close', resolve))
        bystander.socket.send(`still here ${++count}`)
        expect(await bystander.next()).toBe(`[RE]: still here ${count}`)
      }),
      { numRuns: 500 },
    )
    bystander.socket.send('last')
    expect(await bystander.next()).toBe('[RE]: last')
    expect(registry.size).toBe(1)
  })
})

test('connections with several faults behave as the model predicts, on the wire and in log, journal and metrics', async () => {
  const lines = await fuzzFaults({ seed: 1, streams: 400, most: 15_000 })
  expect(lines).toHaveLength(3)
}, 40_000)
