import type { Message } from '../connection/behaviour.ts'
import { sizeOfFrame, writeHeader } from '../wire/frame-header.ts'
import type { Faults } from './parameters.ts'

const FIN = 0x80
const RSV2 = 0x20
const MASK = Buffer.from([0x01, 0x23, 0x45, 0x67])

const opcodeOf = ({ isBinary }: Message) => (isBinary ? 0x02 : 0x01)

function frame(first: number, payload: Buffer): Buffer {
  const bytes = Buffer.allocUnsafe(sizeOfFrame(payload.length))
  payload.copy(bytes, writeHeader(bytes, 0, first, payload.length))
  return bytes
}

function masked(message: Message): Buffer {
  const { payload } = message
  const bytes = frame(FIN | opcodeOf(message), payload.map((byte, i) => byte ^ (MASK[i & 3] as number)) as Buffer)
  const header = bytes.length - payload.length
  bytes[1] = (bytes[1] as number) | 0x80
  return Buffer.concat([bytes.subarray(0, header), MASK, bytes.subarray(header)])
}

const kinds: Record<NonNullable<Faults['corrupt']>, (reply: Message) => Buffer> = {
  /** A text that isn't UTF-8 (section 8.1). */
  utf8: () => frame(FIN | 0x01, Buffer.from([0xff])),
  /** A reserved bit that no extension has given a meaning (section 5.2). */
  rsv: reply => frame(FIN | RSV2 | opcodeOf(reply), reply.payload),
  /** A reserved opcode (section 5.2). */
  opcode: reply => frame(FIN | 0x03, reply.payload),
  /** A mask, which a server must not use (section 5.1). */
  mask: masked,
  /** A length of 64 bits whose top bit is set (section 5.2). */
  length: reply => Buffer.from([FIN | opcodeOf(reply), 127, 0x80, 0, 0, 0, 0, 0, 0, 0]),
  /** A close code that must not be on the wire (section 7.4.1). */
  'close-code': () => frame(FIN | 0x08, Buffer.from([1005 >> 8, 1005 & 0xff])),
}

/** The frame that breaks RFC 6455 in this way, in place of a reply. */
export const corruptFrame = (kind: NonNullable<Faults['corrupt']>, reply: Message): Buffer => kinds[kind](reply)
