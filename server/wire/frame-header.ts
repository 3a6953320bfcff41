/** The first byte of a final frame (RFC 6455, section 5.2). */
export const First = { text: 0x81, binary: 0x82, close: 0x88, ping: 0x89, pong: 0x8a } as const
export type First = (typeof First)[keyof typeof First]

/** The bit that marks a compressed message (RFC 7692, section 6). */
export const RSV1 = 0x40

export const firstOf = (isBinary: boolean): First => (isBinary ? First.binary : First.text)

/** Returns the size of an unmasked frame with this many bytes of payload. */
export function sizeOfFrame(length: number): number {
  return length + (length < 126 ? 2 : length < 65_536 ? 4 : 10)
}

/**
 * Writes the header of an unmasked frame (RFC 6455, section 5.2). Returns where the payload goes.
 * @param first the byte with FIN, RSV and opcode
 */
export function writeHeader(target: Buffer, at: number, first: number, length: number): number {
  target[at++] = first
  if (length < 126) {
    target[at++] = length
  } else if (length < 65_536) {
    target[at++] = 126
    target[at++] = length >> 8
    target[at++] = length & 0xff
  } else {
    target[at++] = 127
    at = target.writeUIntBE(0, at, 2)
    at = target.writeUIntBE(length, at, 6)
  }
  return at
}

/** Returns an unmasked frame with the first `copied` bytes of its payload. The rest must be written after it. */
export function frameOf(first: number, payload: Buffer, copied = payload.length): Buffer {
  const { length } = payload
  const frame = Buffer.allocUnsafe(sizeOfFrame(length) - length + copied)
  payload.copy(frame, writeHeader(frame, 0, first, length), 0, copied)
  return frame
}
