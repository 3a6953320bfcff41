import { decode, type TagDecoder } from 'cborg'
import { toJsonText, written } from './decoded-json.ts'

/** Keeps every tag, whatever its number: by default the library knows none. */
const tags = new Proxy<Record<number, TagDecoder>>(
  {},
  {
    get:
      (_, number): TagDecoder =>
      content =>
        written('tag', String(number), content()),
  },
)

/** Decodes one value of CBOR (RFC 8949) to JSON. Throws if the bytes are invalid, or if any are left over. */
export function decodeCbor(bytes: Uint8Array): string {
  return toJsonText(decode(bytes, { useMaps: true, tags }))
}
