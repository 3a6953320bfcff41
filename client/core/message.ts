/** The payload of a message: text, or the bytes of a binary one. */
export type Message = string | Uint8Array<ArrayBuffer>
