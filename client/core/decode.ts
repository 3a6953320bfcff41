import type { Message } from './message.ts'

/** An encoding that the payload of a binary message may have. */
export type Encoding = 'msgpack' | 'cbor' | 'gzip' | 'deflate' | 'deflate-raw'

export type Decoded =
  /** `isCut` says that only the start of a long output was decompressed. */
  { message: Message; isCut: boolean } | { problem: string }

const NAMES: Record<Encoding, string> = {
  msgpack: 'MessagePack',
  cbor: 'CBOR',
  gzip: 'gzip',
  deflate: 'deflate (zlib)',
  'deflate-raw': 'raw deflate',
}

/** The encodings with their names. */
export const encodings = Object.entries(NAMES) as [Encoding, string][]

/** In bytes. A few bytes can stand for gigabytes. */
const MAX_OUTPUT = 16 * 1024 * 1024

/** Returns the encoding that the first bytes announce (RFC 1952 section 2.3.1, RFC 1950 section 2.2), if any. */
export function guessEncoding(bytes: Uint8Array): Encoding | undefined {
  const [first = 0, second = 0] = bytes
  if (first === 0x1f && second === 0x8b) return 'gzip'
  if (first === 0x78 && (first * 256 + second) % 31 === 0) return 'deflate'
  return undefined
}

/**
 * Decodes the payload of a binary message: MessagePack and CBOR (RFC 8949) become JSON, a compressed payload becomes
 * text or bytes. Never rejects.
 */
export async function decode(
  bytes: Uint8Array<ArrayBuffer>,
  encoding: Encoding,
  limit: number = MAX_OUTPUT,
): Promise<Decoded> {
  try {
    if (encoding === 'msgpack') {
      const { decodeMessagePack } = await import('./decode-msgpack.ts')
      return { message: decodeMessagePack(bytes), isCut: false }
    }
    if (encoding === 'cbor') {
      const { decodeCbor } = await import('./decode-cbor.ts')
      return { message: decodeCbor(bytes), isCut: false }
    }
    return await decompress(bytes, encoding, limit)
  } catch (error) {
    // A RangeError comes from the stack of the decoder. A decompressor gives no reason in some engines.
    const reason = error instanceof RangeError ? 'it is nested too deeply' : (error as Error).message
    return {
      problem: `This is not valid ${NAMES[encoding]}: ${reason.replace(/\.+$/, '') || 'the bytes are damaged'}.`,
    }
  }
}

async function decompress(
  bytes: Uint8Array<ArrayBuffer>,
  format: 'gzip' | 'deflate' | 'deflate-raw',
  limit: number,
): Promise<Decoded> {
  const reader = new Blob([bytes]).stream().pipeThrough(new DecompressionStream(format)).getReader()
  const chunks: Uint8Array<ArrayBuffer>[] = []
  let length = 0
  let isCut = false
  while (!isCut) {
    const { value } = await reader.read()
    if (!value) break
    chunks.push(value.subarray(0, limit - length))
    length += value.length
    isCut = length > limit
  }
  if (isCut) await reader.cancel()
  const output = new Uint8Array(await new Blob(chunks).arrayBuffer())
  return { message: textOf(output) ?? output, isCut }
}

/** Returns the text that bytes stand for in UTF-8, if they do. */
function textOf(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    return undefined
  }
}
