import type { Message } from '../connection/behaviour.ts'
import { First, firstOf, frameOf } from '../wire/frame-header.ts'
import type { Faults } from './parameters.ts'

const RSV2 = 0x20
const MASK = Buffer.from([0x01, 0x23, 0x45, 0x67])

function masked({ payload, isBinary }: Message): Buffer {
  const frame = frameOf(firstOf(isBinary), Buffer.from(payload.map((byte, i) => byte ^ (MASK[i & 3] as number))))
  const headerSize = frame.length - payload.length
  frame[1] = (frame[1] as number) | 0x80
  return Buffer.concat([frame.subarray(0, headerSize), MASK, frame.subarray(headerSize)])
}

const kinds: Record<NonNullable<Faults['corrupt']>, (reply: Message) => Buffer> = {
  /** A text that is not valid UTF-8 (section 8.1). */
  utf8: () => frameOf(First.text, Buffer.of(0xff)),
  /** A reserved bit that no extension defines (section 5.2). */
  rsv: ({ payload, isBinary }) => frameOf(firstOf(isBinary) | RSV2, payload),
  /** A reserved opcode (section 5.2). */
  opcode: ({ payload }) => frameOf(0x83, payload),
  /** A mask, which servers must not use (section 5.1). */
  mask: masked,
  /** A 64-bit length with the top bit set (section 5.2). */
  length: ({ isBinary }) => Buffer.of(firstOf(isBinary), 127, 0x80, 0, 0, 0, 0, 0, 0, 0),
  /** A close code that must not be sent (section 7.4.1). */
  'close-code': () => frameOf(First.close, Buffer.of(1005 >> 8, 1005 & 0xff)),
}

/** Returns a frame that violates RFC 6455 in this way, to be sent in place of a reply. */
export const corruptFrame = (kind: NonNullable<Faults['corrupt']>, reply: Message): Buffer => kinds[kind](reply)
