import { randomFillSync } from 'node:crypto'
import { sizeOfFrame, writeHeader } from './frame-header.ts'

// For fewer bytes, XORing one by one is cheaper than a copy and a view.
const FEW_BYTES = 48

/** Bytes, and a view of them as words from the first byte on. */
export type Output = { bytes: Buffer; words: BigInt64Array }

const NO_WORDS = new BigInt64Array()

const rotatedMask = new Uint8Array(8)
const rotatedMaskWord = new BigInt64Array(rotatedMask.buffer)

/** Allocates memory for unmasked bytes. */
export function createOutput(size: number): Output {
  const bytes = Buffer.allocUnsafeSlow(size)
  return { bytes, words: new BigInt64Array(bytes.buffer, 0, size >> 3) }
}

/**
 * Unmasks `length` bytes of `source` into the target (RFC 6455, section 5.3), word by word if possible.
 * @param masks has the four bytes of the mask at `maskAt`
 * @param phase index into the mask of the first byte
 * @returns whether all bytes are known to be ASCII
 */
export function unmaskInto(
  { bytes, words }: Output,
  targetAt: number,
  source: Buffer,
  sourceAt: number,
  length: number,
  masks: Buffer,
  maskAt: number,
  phase: number,
): boolean {
  if (length < FEW_BYTES) {
    // As an integer, because reading each byte of the mask again costs more than the XOR.
    const mask = maskFrom(masks, maskAt, phase)
    let seen = 0
    for (let i = 0; i < length; i++) {
      const byte = (source[sourceAt + i] as number) ^ ((mask >>> ((i & 3) << 3)) & 0xff)
      bytes[targetAt + i] = byte
      seen |= byte
    }
    return seen < 0x80
  }

  source.copy(bytes, targetAt, sourceAt, sourceAt + length)
  const end = targetAt + length
  const firstWord = (targetAt + 7) & ~7
  const lastWord = end & ~7
  for (let i = 0; i < 8; i++) rotatedMask[i] = masks[maskAt + ((phase + firstWord - targetAt + i) & 3)] as number
  const word = rotatedMaskWord[0] as bigint
  // The rotated mask repeats every four bytes, so it also fits the bytes before and after the whole words.
  xorBytes(bytes, targetAt, firstWord)
  for (let i = firstWord >> 3; i < lastWord >> 3; i++) words[i] = (words[i] as bigint) ^ word
  xorBytes(bytes, lastWord, end)
  return false
}

// Masks must not be predictable (section 5.3). One call for many of them is much cheaper than one for each.
const randomBytes = Buffer.alloc(8192)
let used = randomBytes.length

function randomMask(): Buffer {
  if (used === randomBytes.length) {
    randomFillSync(randomBytes)
    used = 0
  }
  used += 4
  return randomBytes.subarray(used - 4, used)
}

/** Returns a masked frame, as a client sends it (sections 5.2 and 5.3). */
export function maskedFrameOf(first: number, payload: Buffer, mask = randomMask()): Buffer {
  const { length } = payload
  const size = sizeOfFrame(length) + 4
  const output = length < FEW_BYTES ? { bytes: Buffer.allocUnsafe(size), words: NO_WORDS } : createOutput(size)
  const { bytes } = output
  const at = writeHeader(bytes, 0, first, length)
  bytes[1] = (bytes[1] as number) | 0x80
  mask.copy(bytes, at)
  unmaskInto(output, at + 4, payload, 0, length, mask, 0, 0)
  return bytes
}

/** Returns the mask as an integer that starts with the byte at the phase. */
function maskFrom(masks: Buffer, at: number, phase: number): number {
  const [a, b, c, d] = [masks[at], masks[at + 1], masks[at + 2], masks[at + 3]] as [number, number, number, number]
  const mask = a | (b << 8) | (c << 16) | (d << 24)
  return phase === 0 ? mask : (mask >>> (8 * phase)) | (mask << (32 - 8 * phase))
}

function xorBytes(bytes: Buffer, from: number, to: number): void {
  for (let i = from; i < to; i++) bytes[i] = (bytes[i] as number) ^ (rotatedMask[i & 7] as number)
}
