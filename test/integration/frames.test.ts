import { beforeAll, expect, test } from 'vitest'
import { describeEcho } from '../suite/echo.ts'
import { describeFrames } from '../suite/frames.ts'
import { closePayload, connectRaw, frame, opcodes } from '../suite/raw-client.ts'
import { serve, startServer } from './serve.ts'

let url: string
let slowUrl: string
beforeAll(async () => {
  const [fast, slow] = await Promise.all([startServer(), startServer({ FAST_PATH: '0' })])
  url = fast.url
  slowUrl = slow.url
  return () => Promise.all([fast.server.close(), slow.server.close()])
})

describeFrames('directly', () => `${url}raw`)
describeFrames('directly, without the fast path', () => `${slowUrl}raw`)
describeEcho('directly, without the fast path', () => ({ url: slowUrl, prefix: '[RE]: ' }))

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
