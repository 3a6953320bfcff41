import type { Message } from '../connection/behaviour.ts'
import { sizeOfFrame, writeHeader } from '../wire/frame-header.ts'

const CHUNK = 2 ** 16

/**
 * A message as frames of at most so many bytes of payload (RFC 6455, section 5.4), in chunks of whole frames that are
 * made one at a time: the frames of a large message can take several times its memory.
 */
export function* fragmentsOf({ payload, isBinary }: Message, most: number): Generator<Buffer> {
  let at = 0
  do {
    const start = at
    let length = 0
    do {
      const part = Math.min(most, payload.length - at)
      length += sizeOfFrame(part)
      at += part
    } while (at < payload.length && length < CHUNK)

    const chunk = Buffer.allocUnsafeSlow(length)
    let filled = 0
    for (let from = start; filled < length; from += most) {
      const part = payload.subarray(from, from + most)
      const opcode = from > 0 ? 0x00 : isBinary ? 0x02 : 0x01
      const fin = from + part.length === payload.length ? 0x80 : 0
      filled = writeHeader(chunk, filled, fin | opcode, part.length)
      filled += part.copy(chunk, filled)
    }
    yield chunk
  } while (at < payload.length)
}
