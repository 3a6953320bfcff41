import { decode, decodeTimestampExtension, EXT_TIMESTAMP } from '@msgpack/msgpack'
import { toJsonText, written } from './decoded-json.ts'

const extensionCodec = {
  tryToEncode: () => null,
  decode: (bytes: Uint8Array, type: number) =>
    type === EXT_TIMESTAMP ? decodeTimestampExtension(bytes) : written('extension', type, bytes),
}

/** Decodes one value of MessagePack to JSON. Throws if the bytes are invalid, or if any are left over. */
export function decodeMessagePack(bytes: Uint8Array): string {
  const value = decode(bytes, {
    useBigInt64: true,
    extensionCodec,
    // A length may announce more elements than the message has bytes, and must not reserve memory for them.
    maxArrayLength: bytes.length,
    maxMapLength: bytes.length,
    mapKeyConverter: name => (typeof name === 'string' || typeof name === 'number' ? name : toJsonText(name)),
  })
  return toJsonText(value)
}
