import { isUtf8 } from 'node:buffer'
import { frame, opcodes } from '../suite/raw-client.ts'

/** A frame as a client may send it, well formed or not. */
export type SentFrame = { fin: boolean; rsv: number; opcode: number; payload: Buffer; mask: boolean }

export type Expected = {
  replies: { opcode: number; payload: Buffer }[]
  /** The code of the close frame that the server sends; `undefined` if it sends none. */
  close: number | undefined
  /** Whether the server fails the connection, instead of answering the peer's close frame. */
  isFailed: boolean
  /** The reason of the peer's close frame. */
  reason: string
}

const { continuation, text, binary, close, ping, pong } = opcodes

export const bytesOf = ({ opcode, payload, ...options }: SentFrame): Buffer => frame(opcode, payload, options)

/** Codes that an endpoint may send (RFC 6455, section 7.4). */
const isCloseCode = (code: number) =>
  (code >= 1000 && code <= 1014 && ![1004, 1005, 1006].includes(code)) || (code >= 3000 && code <= 4999)

/** What RFC 6455 has a server answer that echoes every message verbatim. */
export function expect(frames: SentFrame[], maxPayload: number): Expected {
  const replies: Expected['replies'] = []
  let message: { opcode: number; parts: Buffer[] } | undefined
  const failed = (close: number): Expected => ({ replies, close, isFailed: true, reason: '' })

  for (const { fin, rsv, opcode, payload, mask } of frames) {
    if (rsv !== 0 || !mask) return failed(1002)
    if (opcode >= close) {
      if (opcode > pong || !fin || payload.length > 125) return failed(1002)
      if (opcode === ping) replies.push({ opcode: pong, payload })
      if (opcode !== close) continue
      if (payload.length === 0) return { replies, close: 1005, isFailed: false, reason: '' }
      if (payload.length === 1 || !isCloseCode(payload.readUInt16BE())) return failed(1002)
      const reason = payload.subarray(2)
      if (!isUtf8(reason)) return failed(1007)
      return { replies, close: payload.readUInt16BE(), isFailed: false, reason: reason.toString() }
    }
    if (opcode > binary || (opcode === continuation) !== (message !== undefined)) return failed(1002)
    message ??= { opcode, parts: [] }
    message.parts.push(payload)
    if (message.parts.reduce((sum, { length }) => sum + length, 0) > maxPayload) return failed(1009)
    if (!fin) continue
    const whole = Buffer.concat(message.parts)
    if (message.opcode === text && !isUtf8(whole)) return failed(1007)
    replies.push({ opcode: message.opcode, payload: whole })
    message = undefined
  }
  return { replies, close: undefined, isFailed: false, reason: '' }
}
