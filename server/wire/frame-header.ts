/** Bytes of an unmasked frame with so many bytes of payload. */
export function sizeOfFrame(length: number): number {
  return length + (length < 126 ? 2 : length < 65_536 ? 4 : 10)
}

/**
 * Writes an unmasked frame's header (RFC 6455, section 5.2), and returns where its payload goes.
 * @param first the byte of FIN, RSV and opcode
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
