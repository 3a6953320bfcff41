import { closePayload, connectRaw, frame, opcodes } from '../suite/raw-client.ts'
import { bytesOf, expect, type SentFrame } from './model.ts'

/** How a stream is cut into the chunks that are sent. */
export type Cuts = (length: number) => number

/**
 * Sends frames to a server that echoes verbatim, and compares every byte of its answer with what RFC 6455 has.
 * @throws what was expected, and what came
 */
export async function verify(url: string, frames: SentFrame[], maxPayload: number, cut: Cuts): Promise<void> {
  const { replies, close } = expect(frames, maxPayload)
  const client = await connectRaw(url)
  const bytes = Buffer.concat(frames.map(bytesOf))
  for (let at = 0; at < bytes.length; ) {
    const next = at + Math.max(1, cut(bytes.length - at))
    client.socket.write(bytes.subarray(at, next))
    at = next
  }
  if (close === undefined) client.socket.write(frame(opcodes.close, closePayload(4999)))

  const closed = { opcode: opcodes.close, payload: close === 1005 ? Buffer.alloc(0) : closePayload(close ?? 4999) }
  for (const [i, { opcode, payload }] of [...replies, closed].entries()) {
    const came = await client.frame()
    const isRight =
      opcode === opcodes.close ? came.payload.subarray(0, 2).equals(payload) : came.payload.equals(payload)
    if (came.opcode !== opcode || !isRight) {
      const show = (frame: { opcode: number; payload: Buffer }) =>
        `${frame.opcode} ${frame.payload.toString('hex', 0, 32)}`
      throw new Error(`answer ${i}: expected ${show({ opcode, payload })}, got ${show(came)}`)
    }
  }
  if (client.socket.closed) return
  client.socket.end()
  await new Promise(resolve => client.socket.once('close', resolve))
}
