import { oneOf } from '../../config/values.ts'
import type { Message } from '../../connection/behaviour.ts'
import { First, firstOf, frameOf, RSV1 } from '../../wire/frame-header.ts'
import { defineParameter, type Replacement } from '../parameter.ts'

const RSV2 = 0x20
const FIN = 0x80

// A client reads `HT` as the header of a frame with 84 bytes. If fewer followed, it would wait for the rest.
const SECOND_RESPONSE =
  'HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 31\r\n\r\nThis response follows the 101.\n'

const MASK = Buffer.from([0x01, 0x23, 0x45, 0x67])

function masked({ payload, isBinary }: Message): Buffer {
  const frame = frameOf(firstOf(isBinary), Buffer.from(payload.map((byte, i) => byte ^ (MASK[i & 3] as number))))
  const headerSize = frame.length - payload.length
  frame[1] = (frame[1] as number) | 0x80
  return Buffer.concat([frame.subarray(0, headerSize), MASK, frame.subarray(headerSize)])
}

/** Returns a frame without FIN, and a whole text before the message has ended. */
function textWithin({ payload, isBinary }: Message): Buffer {
  const half = payload.subarray(0, payload.length / 2)
  return Buffer.concat([frameOf(firstOf(isBinary) & ~FIN, half), frameOf(First.text, Buffer.from('within'))])
}

/** The violations of RFC 6455 or RFC 7692, each with its sentence and the bytes that replace a reply. */
const kinds: Record<string, [sentence: string, bytesFor: ((reply: Message) => Buffer) | undefined]> = {
  utf8: ['a text frame that is not UTF-8: the single byte `ff`', () => frameOf(First.text, Buffer.of(0xff))],
  rsv: [
    'a frame with the reserved bit RSV2 set',
    ({ payload, isBinary }) => frameOf(firstOf(isBinary) | RSV2, payload),
  ],
  opcode: ['a frame with opcode 3, which is reserved', ({ payload }) => frameOf(0x83, payload)],
  mask: ['a masked frame, which a server must not send', masked],
  length: [
    'a frame whose length is above 2⁶³',
    ({ isBinary }) => Buffer.of(firstOf(isBinary), 127, 0x80, 0, 0, 0, 0, 0, 0, 0),
  ],
  continuation: ['a continuation frame, although no message has begun', ({ payload }) => frameOf(FIN, payload)],
  'text-in-fragment': ['the first frame of a message, and a new text before that message has ended', textWithin],
  unfinished: [
    'the first half of a frame; then the TCP connection ends (FIN)',
    ({ payload, isBinary }) => {
      const frame = frameOf(firstOf(isBinary), payload)
      return frame.subarray(0, Math.ceil(frame.length / 2))
    },
  ],
  deflate: [
    'a compressed message that does not inflate. Without compression, its RSV1 bit alone is invalid',
    () => frameOf(First.binary | RSV1, Buffer.of(0xff, 0xff)),
  ],
  ping: ['a ping with 126 bytes, one more than allowed', () => frameOf(First.ping, Buffer.alloc(126, 'p'))],
  'fragmented-ping': ['a ping without FIN', () => frameOf(First.ping & ~FIN, Buffer.from('half'))],
  'close-code': ['a close frame with code 1005, which must not be sent', () => closeFrame(1005 >> 8, 1005 & 0xff)],
  'close-1': ['a close frame whose payload is a single byte', () => closeFrame(1000 >> 8)],
  'close-utf8': ['a close frame whose reason is not UTF-8', () => closeFrame(1000 >> 8, 1000 & 0xff, 0xff)],
  header: ['', undefined],
}

const closeFrame = (...payload: number[]) => frameOf(First.close, Buffer.of(...payload))

const sentences = Object.fromEntries(
  Object.entries(kinds).map(([kind, [sentence]]) => [kind, `the next reply is replaced by ${sentence}`]),
)

export const corrupt = defineParameter<string>({
  name: 'corrupt',
  group: 'end',
  label: 'Break the protocol',
  hint: 'the next reply breaks the rules',
  sentence: 'the next reply is replaced by bytes that violate the protocol',
  example: 'rsv',
  values: { ...sentences, header: 'the 101 is followed by the bytes of a second HTTP response' },
  parse: oneOf(...Object.keys(kinds)),
  isEnding: true,
  recorded: 'later',
  amend(kind, response) {
    if (kind === 'header') response.tail = SECOND_RESPONSE
  },
  start(kind, { log }) {
    const bytesFor = kinds[kind]?.[1]
    if (!bytesFor) return { onOpen: () => log(corrupt) }
    let isArmed = false
    return {
      trigger() {
        isArmed = true
      },
      replace(reply): Replacement | undefined {
        if (!isArmed) return undefined
        isArmed = false
        log(corrupt)
        return { bytes: bytesFor(reply), isLast: kind === 'unfinished' }
      },
    }
  },
})
