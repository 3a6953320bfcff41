import { size } from '../../config/values.ts'
import type { Message } from '../../connection/behaviour.ts'
import { sizeOfFrame, writeHeader } from '../../wire/frame-header.ts'
import { defineParameter } from '../parameter.ts'

const CHUNK = 2 ** 16

export const fragment = defineParameter({
  name: 'fragment',
  group: 'replies',
  label: 'Split messages into frames',
  hint: 'bytes per frame, such as 1024',
  sentence: 'messages are sent uncompressed, in frames of at most this many bytes',
  example: '1024',
  parse: size('1', '1GiB'),
  start: most => ({ split: message => fragmentsOf(message, most) }),
})

/**
 * Splits a message into frames with at most this many bytes of payload (RFC 6455, section 5.4). Yields chunks of whole
 * frames one at a time, because all frames of a large message can take several times its memory.
 */
function* fragmentsOf({ payload, isBinary }: Message, most: number): Generator<Buffer> {
  const largest = sizeOfFrame(Math.min(most, payload.length))
  const room = Math.min(CHUNK + largest, largest * Math.max(1, Math.ceil(payload.length / most)))
  let at = 0
  do {
    const chunk = Buffer.allocUnsafeSlow(room)
    let filled = 0
    do {
      const part = payload.subarray(at, at + most)
      const opcode = at > 0 ? 0x00 : isBinary ? 0x02 : 0x01
      at += part.length
      const fin = at === payload.length ? 0x80 : 0
      filled = writeHeader(chunk, filled, fin | opcode, part.length)
      filled += part.copy(chunk, filled)
    } while (at < payload.length && filled < CHUNK)
    yield chunk.subarray(0, filled)
  } while (at < payload.length)
}
