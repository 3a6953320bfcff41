import { oneOf } from '../../config/values.ts'
import type { Message } from '../../connection/behaviour.ts'
import { First, firstOf, frameOf, RSV1 } from '../../wire/frame-header.ts'
import { maskedFrameOf } from '../../wire/masking.ts'
import { defineParameter, type Replacement } from '../parameter.ts'

const RSV2 = 0x20
const FIN = 0x80

// A client reads `HT` as the header of a frame with 84 bytes. If fewer followed, it would wait for the rest.
const SECOND_RESPONSE =
  'HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 31\r\n\r\nThis response follows the 101.\n'

const closeFrame =
  (...payload: number[]): BytesFor =>
  (_, frameOf) =>
    frameOf(First.close, Buffer.of(...payload))

const MASK = Buffer.from([0x01, 0x23, 0x45, 0x67])

/** Returns a frame as one side sends it. */
type ToFrame = (first: number, payload: Buffer) => Buffer
type BytesFor = (reply: Message, frameOf: ToFrame) => Buffer

/** Returns a frame without FIN, and a whole text before the message has ended. */
function textWithin({ payload, isBinary }: Message, frameOf: ToFrame): Buffer {
  const half = payload.subarray(0, payload.length / 2)
  return Buffer.concat([frameOf(firstOf(isBinary) & ~FIN, half), frameOf(First.text, Buffer.from('within'))])
}

function endless({ isBinary }: Message, frameOf: ToFrame): Buffer {
  const [first = 0, maskBit = 0, ...mask] = frameOf(firstOf(isBinary), Buffer.alloc(0))
  return Buffer.of(first, maskBit | 127, 0x80, 0, 0, 0, 0, 0, 0, 0, ...mask)
}

/** The violations of RFC 6455 or RFC 7692, each with its sentence and the bytes that replace a reply. */
const kinds: Record<string, [sentence: string, bytesFor: BytesFor | undefined]> = {
  utf8: ['a text frame that is not UTF-8: the single byte `ff`', (_, frameOf) => frameOf(First.text, Buffer.of(0xff))],
  rsv: [
    'a frame with the reserved bit RSV2 set',
    ({ payload, isBinary }, frameOf) => frameOf(firstOf(isBinary) | RSV2, payload),
  ],
  opcode: ['a frame with opcode 3, which is reserved', ({ payload }, frameOf) => frameOf(0x83, payload)],
  mask: [
    'a masked frame, which a server must not send',
    ({ payload, isBinary }) => maskedFrameOf(firstOf(isBinary), payload, MASK),
  ],
  length: ['a frame whose length is above 2⁶³', endless],
  continuation: [
    'a continuation frame, although no message has begun',
    ({ payload }, frameOf) => frameOf(FIN, payload),
  ],
  'text-in-fragment': ['the first frame of a message, and a new text before that message has ended', textWithin],
  unfinished: [
    'the first half of a frame; then the TCP connection ends (FIN)',
    ({ payload, isBinary }, frameOf) => {
      const frame = frameOf(firstOf(isBinary), payload)
      return frame.subarray(0, Math.ceil(frame.length / 2))
    },
  ],
  deflate: [
    'a compressed message that does not inflate. Without compression, its RSV1 bit alone is invalid',
    (_, frameOf) => frameOf(First.binary | RSV1, Buffer.of(0xff, 0xff)),
  ],
  ping: ['a ping with 126 bytes, one more than allowed', (_, frameOf) => frameOf(First.ping, Buffer.alloc(126, 'p'))],
  'fragmented-ping': ['a ping without FIN', (_, frameOf) => frameOf(First.ping & ~FIN, Buffer.from('half'))],
  'close-code': ['a close frame with code 1005, which must not be sent', closeFrame(1005 >> 8, 1005 & 0xff)],
  'close-1': ['a close frame whose payload is a single byte', closeFrame(1000 >> 8)],
  'close-utf8': ['a close frame whose reason is not UTF-8', closeFrame(1000 >> 8, 1000 & 0xff, 0xff)],
  header: ['', undefined],
}

/** The violations that a client can commit. */
const upKinds: typeof kinds = {
  ...kinds,
  mask: [
    'a frame without a mask, which a client must not send',
    ({ payload, isBinary }) => frameOf(firstOf(isBinary), payload),
  ],
}
delete upKinds.header

const sentencesOf = (of: typeof kinds, replaced: string) =>
  Object.fromEntries(Object.entries(of).map(([kind, [sentence]]) => [kind, `${replaced} is replaced by ${sentence}`]))

export const corrupt = defineParameter<string>({
  name: 'corrupt',
  group: 'end',
  label: 'Break the protocol',
  hint: 'the next reply breaks the rules',
  sentence: 'the next reply is replaced by bytes that violate the protocol',
  example: 'rsv',
  values: {
    ...sentencesOf(kinds, 'the next reply'),
    header: 'the 101 is followed by the bytes of a second HTTP response',
  },
  parse: oneOf(...Object.keys(kinds)),
  up: {
    hint: 'the next message breaks the rules',
    sentence: 'the next message from the client is replaced by bytes that violate the protocol',
    values: sentencesOf(upKinds, 'the next message from the client'),
    parse: oneOf(...Object.keys(upKinds)),
  },
  isEnding: true,
  recorded: 'later',
  amend(kind, response) {
    if (kind === 'header') response.tail = SECOND_RESPONSE
  },
  start(kind, { log, outlet }) {
    const bytesFor = (outlet.isClient ? upKinds : kinds)[kind]?.[1]
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
        return { bytes: bytesFor(reply, outlet.isClient ? maskedFrameOf : frameOf), isLast: kind === 'unfinished' }
      },
    }
  },
})
