import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { bytesOf, expect as modelOf, type SentFrame } from '../fuzz/model.ts'
import { createRandom } from '../fuzz/random.ts'
import { closePayload, connectRaw, type Frame, frame, opcodes, type RawClient } from '../suite/raw-client.ts'
import { answerTo, startRaw } from './backends.ts'
import { serve } from './serve.ts'

const MAX_PAYLOAD = 5000
const GOODBYE: SentFrame = { fin: true, rsv: 0, opcode: opcodes.close, payload: closePayload(4999), mask: true }

/** Reads frames until the connection ends, and answers a close frame. */
async function readAll(client: RawClient): Promise<Frame[]> {
  const frames: Frame[] = []
  client.socket.once('end', () => client.socket.end())
  try {
    for (;;) {
      const next = await client.frame()
      frames.push(next)
      if (next.opcode === opcodes.close) client.socket.write(frame(opcodes.close, next.payload))
    }
  } catch {
    return frames
  }
}

describe('frames at random from the backend', () => {
  test('reach the client as RFC 6455 has them, up to the first one that violates it', async () => {
    let sent: Buffer[] = []
    const backend = await startRaw((socket, request) => {
      socket.setNoDelay()
      socket.write(answerTo(request))
      for (const piece of sent) socket.write(piece)
      socket.resume().on('end', () => socket.end())
    })
    const { url, registry } = await serve({ UPSTREAM: backend.url, MAX_PAYLOAD: String(MAX_PAYLOAD) })
    await fc.assert(
      fc.asyncProperty(fc.nat(), async seed => {
        const random = createRandom(seed, MAX_PAYLOAD)
        const frames = random.frames().slice(0, 60)
        const expected = modelOf([...frames, GOODBYE], MAX_PAYLOAD)
        // The model is one of a server, which wants masks, and the backend must not send any.
        const bytes = Buffer.concat([...frames, GOODBYE].map(each => bytesOf({ ...each, mask: !each.mask })))
        sent = []
        for (let at = 0; at < bytes.length; ) {
          const next = at + Math.max(1, random.cut(bytes.length - at))
          sent.push(bytes.subarray(at, next))
          at = next
        }
        const came = await readAll(await connectRaw(url))
        const replies = expected.replies.filter(({ opcode }) => opcode !== opcodes.pong)
        const close = expected.isFailed
          ? []
          : [{ opcode: opcodes.close, payload: closeOf(expected.close, expected.reason) }]
        const show = ({ opcode, payload }: { opcode: number; payload: Buffer }) =>
          `${opcode} ${payload.toString('hex')}`
        expect(came.map(show)).toEqual([...replies, ...close].map(show))
      }),
      { numRuns: 200 },
    )
    await expect.poll(() => registry.isEmpty).toBe(true)
    expect(registry.budget.bytes).toBe(0)
  })

  test('that were altered do not harm others', async () => {
    let sent: Buffer = Buffer.alloc(0)
    const backend = await startRaw((socket, request) => {
      socket.write(Buffer.concat([Buffer.from(answerTo(request)), sent]))
      socket.resume().on('end', () => socket.end())
      socket.end()
    })
    const { url, registry } = await serve({ UPSTREAM: backend.url, MAX_PAYLOAD: String(MAX_PAYLOAD) })
    for (let seed = 0; seed < 300; seed++) {
      const random = createRandom(seed, MAX_PAYLOAD)
      const frames = random.frames().slice(0, 40)
      sent = random.mutate(Buffer.concat(frames.map(each => bytesOf({ ...each, mask: false }))))
      await readAll(await connectRaw(url))
    }
    await expect.poll(() => registry.isEmpty).toBe(true)
    expect(registry.budget.bytes).toBe(0)
  })
})

const closeOf = (code: number | undefined, reason: string) =>
  code === 1005 || code === undefined ? Buffer.alloc(0) : closePayload(code, reason)
