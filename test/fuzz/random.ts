import { uniformInt } from 'pure-rand/distribution/uniformInt'
import { mersenne } from 'pure-rand/generator/mersenne'
import { closePayload, opcodes } from '../suite/raw-client.ts'
import type { SentFrame } from './model.ts'

const { continuation, text, binary, close, ping, pong } = opcodes

const TEXTS = [
  '',
  'hello',
  'naïve Ωμέγα',
  '漢字 👩‍🚀',
  '\0\u2028',
  'x'.repeat(125),
  'x'.repeat(126),
  'ä'.repeat(30_000),
]

/** Creates a generator of frames. The same seed generates the same frames. */
export function createRandom(seed: number, maxPayload: number) {
  const generator = mersenne(seed)
  const below = (end: number) => uniformInt(generator, 0, end - 1)
  const oneIn = (count: number) => below(count) === 0
  const oneOf = <T>(values: readonly T[]) => values[below(values.length)] as T

  /** A payload size, mostly small. */
  const size = () => below(oneOf([1, 20, 20, 130, 130, 1000, oneIn(10) ? 70_000 : 200]))
  const bytes = (length: number) => {
    const payload = Buffer.allocUnsafe(length)
    const start = below(256)
    for (let i = 0; i < length; i++) payload[i] = start + i * 7
    return payload
  }
  const cutText = (payload: Buffer) => (oneIn(200) ? payload.subarray(0, below(payload.length + 1)) : payload)

  function frame(isOpen: boolean): SentFrame {
    const usual = { fin: true, rsv: 0, mask: true }
    if (oneIn(1000))
      return { ...usual, rsv: below(8), opcode: below(16), fin: oneIn(2), mask: oneIn(2), payload: bytes(size()) }
    if (oneIn(1000))
      return { ...usual, opcode: close, payload: closePayload(below(5100), oneOf(TEXTS)).subarray(0, 125) }
    if (oneIn(1000)) return { ...usual, opcode: binary, payload: bytes(maxPayload - 1 + below(3)) }
    if (oneIn(8)) return { ...usual, opcode: oneOf([ping, pong]), payload: bytes(below(126)) }
    if (isOpen) return { ...usual, fin: oneIn(3), opcode: continuation, payload: bytes(size()) }
    if (oneIn(3)) return { ...usual, fin: !oneIn(20), opcode: binary, payload: bytes(size()) }
    return { ...usual, opcode: text, payload: cutText(Buffer.from(oneOf(TEXTS))) }
  }

  return {
    below,
    oneIn,
    oneOf,

    /** Generates the frames of one connection. A fragmented message is nearly always continued. */
    frames(): SentFrame[] {
      const frames: SentFrame[] = []
      let isOpen = false
      for (let count = below(400); count >= 0; count--) {
        const next = frame(isOpen !== oneIn(1000))
        frames.push(next)
        if (next.opcode <= binary) isOpen = !next.fin
      }
      return frames
    },

    /** Alters some bytes in place. */
    mutate(bytes: Buffer): Buffer {
      for (let count = 1 + below(5); count > 0 && bytes.length > 0; count--) bytes[below(bytes.length)] = below(256)
      return bytes
    },

    /** Returns the size of the next chunk. */
    cut: (left: number) => (oneIn(3) ? left : below(oneOf([3, 100, 5000]))),
  }
}
