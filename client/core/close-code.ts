import { byteLength } from './bytes.ts'

const MOST_REASON_BYTES = 123

/** What IANA's registry of close codes has, in words for who looks for a fault. */
const MEANINGS: Record<number, string> = {
  1000: 'The connection has done what it was for.',
  1001: 'One side goes away: a server stops, or a page is left.',
  1002: 'One side broke the protocol, with a malformed frame for example.',
  1003: 'The message was of a type that the receiver does not take, such as binary where only text is expected.',
  1004: 'The code is reserved and has no meaning yet.',
  1005: 'The close frame gave no code.',
  1006: 'The connection ended without a close frame: a crash, a lost network, a timeout of a proxy, a failed handshake.',
  1007: 'The message was not what its type says, such as text that is not UTF-8.',
  1008: 'The message or the client is against a rule of the receiver, and no other code says which.',
  1009: 'The message was larger than the receiver takes.',
  1010: 'The server did not agree to an extension that the client needs.',
  1011: 'The server met an error of its own that kept it from going on.',
  1012: 'The server restarts, and it is worth connecting again a little later.',
  1013: 'The server is overloaded for now, and asks to try again later.',
  1014: 'A gateway or proxy got an invalid answer from the server behind it.',
  1015: 'The TLS handshake failed, over a certificate that is not trusted for example.',
  3000: 'The server asks for authentication that is missing or was not accepted.',
  3003: 'The server knows who asks, and does not allow it.',
  3008: 'The server waited too long for the client.',
}

/** Tells in a sentence what a close code means (RFC 6455 section 7.4, and IANA's registry). */
export function explainClose(code: number): string {
  const meaning = MEANINGS[code]
  if (meaning) return meaning
  if (code >= 1016 && code <= 2999) return 'The code is kept for future versions of the protocol.'
  if (code >= 3000 && code <= 3999)
    return 'The code belongs to a library or framework, whose documentation explains it.'
  if (code >= 4000 && code <= 4999) return 'The code is private to the application, whose authors know its meaning.'
  return 'The code is outside of what the protocol allows.'
}

/** Gives the rule that a close would break, if any: what a page may send (WebSocket API; RFC 6455 sections 5.5 and 7.4). */
export function checkClose(code: number, reason: string): string | undefined {
  const isAllowed = code === 1000 || (Number.isInteger(code) && code >= 3000 && code <= 4999)
  if (!isAllowed) return 'The close code is 1000, or a whole number from 3000 to 4999.'
  const bytes = byteLength(reason)
  if (bytes > MOST_REASON_BYTES)
    return `The reason has ${bytes} bytes of UTF-8. At most ${MOST_REASON_BYTES} are allowed.`
  return undefined
}
