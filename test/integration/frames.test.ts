import { beforeAll, expect, test } from 'vitest'
import { describeEcho } from '../suite/echo.ts'
import { describeFrames } from '../suite/frames.ts'
import { closePayload, connectRaw, frame, opcodes } from '../suite/raw-client.ts'
import { serve, startServer } from './serve.ts'

/** Variants that must change nothing on the wire, each with an addition to the address. */
const ways: { name: string; env?: Record<string, string>; query?: string }[] = [
  { name: 'directly' },
  { name: 'without the fast path', env: { FAST_PATH: '0' } },
  { name: 'at debug', env: { LOG_LEVEL: 'debug' } },
  { name: 'with a journal', env: { CONTROL_PORT: '0', JOURNAL_SIZE: '1MiB' } },
  { name: 'with a fault that never happens', query: '?loss=0' },
  { name: 'with a greeting', query: '?hello' },
]

for (const { name, env = {}, query = '' } of ways) {
  let url: string
  beforeAll(async () => {
    const started = await startServer(env)
    url = started.url
    return () => started.close()
  })
  describeFrames(name, () => `${url}raw`, query)
  describeEcho(name, () => ({ url, prefix: '[RE]: ' }), query)
  describeEcho(`${name}, verbatim`, () => ({ url: `${url}raw`, prefix: '' }), query)
}

test.for(['0', '1'])('4 MiB in frames of 64 bytes are one message (FAST_PATH=%s)', async FAST_PATH => {
  const { url } = await serve({ MAX_PAYLOAD: '16MiB', FAST_PATH })
  const client = await connectRaw(`${url}raw`)
  const payload = Buffer.alloc(2 ** 22, 'fragments ')
  const count = payload.length / 64
  const frames = Array.from({ length: count }, (_, i) =>
    frame(i === 0 ? opcodes.text : opcodes.continuation, payload.subarray(64 * i, 64 * (i + 1)), {
      fin: i === count - 1,
    }),
  )
  client.socket.write(Buffer.concat([...frames, frame(opcodes.close, closePayload(1000))]))
  const { opcode, payload: answer } = await client.frame()
  expect(opcode).toBe(opcodes.text)
  expect(answer.equals(payload)).toBe(true)
  expect((await client.frame()).opcode).toBe(opcodes.close)
})

test.for(['0', '1'])('10,000 short messages at once are answered in order (FAST_PATH=%s)', async FAST_PATH => {
  const { url } = await serve({ FAST_PATH })
  const client = await connectRaw(`${url}raw`)
  const count = 10_000
  client.socket.write(Buffer.concat(Array.from({ length: count }, (_, i) => frame(opcodes.text, `${i}`))))
  for (let i = 0; i < count; i++) expect((await client.frame()).payload.toString()).toBe(`${i}`)
})
