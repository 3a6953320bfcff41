import { isUtf8 } from 'node:buffer'
import { constants, inflateRawSync } from 'node:zlib'
import { frame as createFrame, opcodes } from '../suite/raw-client.ts'

/** A frame from a client, valid or not. */
export type SentFrame = { fin: boolean; rsv: number; opcode: number; payload: Buffer; mask: boolean }

export type Expected = {
  /** The expected replies, each with the index of the frame that it answers. */
  replies: { opcode: number; payload: Buffer; frame: number }[]
  /** The code of the close frame that the server sends; `undefined` if it sends none. */
  close: number | undefined
  /** Whether the server fails the connection instead of answering the client's close frame. */
  isFailed: boolean
  /** The reason in the client's close frame. */
  reason: string
}

// The largest window of DEFLATE in bytes.
const WINDOW = 32_768

/** Creates the context of one side's compressed messages (RFC 7692, section 7.1.1). Without takeover it stays empty. */
export function createContext(isTakenOver: boolean) {
  let window = Buffer.alloc(0)
  return {
    /** The last bytes so far, as zlib's dictionary. */
    get window(): Buffer {
      return window
    },
    /** Adds the payload of a compressed message. */
    add(payload: Buffer): void {
      if (isTakenOver) window = Buffer.concat([window, payload]).subarray(-WINDOW)
    },
  }
}

const { continuation, text, binary, close, ping, pong } = opcodes

export const bytesOf = ({ opcode, payload, ...options }: SentFrame): Buffer => createFrame(opcode, payload, options)

/** Returns whether an endpoint may send a close code (RFC 6455, section 7.4). */
const isCloseCode = (code: number) =>
  (code >= 1000 && code <= 1014 && ![1004, 1005, 1006].includes(code)) || (code >= 3000 && code <= 4999)

const RSV1 = 4
const TAIL = Buffer.from([0x00, 0x00, 0xff, 0xff])

/**
 * Inflates a message (RFC 7692, section 7.2.2).
 * @returns the payload, or the close code if it is invalid
 */
function inflate(compressed: Buffer, maxPayload: number, dictionary: Buffer): Buffer | number {
  try {
    const options = { finishFlush: constants.Z_SYNC_FLUSH, maxOutputLength: Math.max(1, maxPayload), dictionary }
    return inflateRawSync(Buffer.concat([compressed, TAIL]), options)
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE' ? 1009 : 1007
  }
}

/**
 * Returns the response of a server that echoes every message verbatim, according to RFC 6455.
 * @param deflate whether permessage-deflate was agreed, so that RSV1 marks a compressed message, and whether the
 *   client's messages share a context
 */
export function expect(
  frames: SentFrame[],
  maxPayload: number,
  { isDeflating = false, clientTakesOver = false } = {},
): Expected {
  const context = createContext(clientTakesOver)
  const replies: Expected['replies'] = []
  let message: { opcode: number; parts: Buffer[]; isCompressed: boolean } | undefined
  const failed = (close: number): Expected => ({ replies, close, isFailed: true, reason: '' })

  for (const [frame, { fin, rsv, opcode, payload, mask }] of frames.entries()) {
    const isCompressed = isDeflating && rsv === RSV1 && (opcode === text || opcode === binary)
    if ((rsv !== 0 && !isCompressed) || !mask) return failed(1002)
    if (opcode >= close) {
      if (opcode > pong || !fin || payload.length > 125) return failed(1002)
      if (opcode === ping) replies.push({ opcode: pong, payload, frame })
      if (opcode !== close) continue
      if (payload.length === 0) return { replies, close: 1005, isFailed: false, reason: '' }
      if (payload.length === 1 || !isCloseCode(payload.readUInt16BE())) return failed(1002)
      const reason = payload.subarray(2)
      if (!isUtf8(reason)) return failed(1007)
      return { replies, close: payload.readUInt16BE(), isFailed: false, reason: reason.toString() }
    }
    if (opcode > binary || (opcode === continuation) !== (message !== undefined)) return failed(1002)
    message ??= { opcode, parts: [], isCompressed }
    message.parts.push(payload)
    if (message.parts.reduce((sum, { length }) => sum + length, 0) > maxPayload) return failed(1009)
    if (!fin) continue
    const came = Buffer.concat(message.parts)
    const whole = message.isCompressed ? inflate(came, maxPayload, context.window) : came
    if (typeof whole === 'number') return failed(whole)
    if (message.isCompressed) context.add(whole)
    if (message.opcode === text && !isUtf8(whole)) return failed(1007)
    replies.push({ opcode: message.opcode, payload: whole, frame })
    message = undefined
  }
  return { replies, close: undefined, isFailed: false, reason: '' }
}
