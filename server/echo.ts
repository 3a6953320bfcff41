/** Answers a message with the bytes to send back. The reply is of the message's own type. */
export type Echo = (payload: Buffer, isBinary: boolean) => Buffer

/** Answers every message with its own bytes. */
export const verbatim: Echo = payload => payload

/** Answers text with `prefix` and the text, binary with its own bytes. */
export function createEcho(prefix: string): Echo {
  const bytes = Buffer.from(prefix)
  return (payload, isBinary) => (isBinary ? payload : Buffer.concat([bytes, payload]))
}
