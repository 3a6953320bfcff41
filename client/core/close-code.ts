import { byteLength } from './bytes.ts'

const MAX_REASON_BYTES = 123

/** The names in IANA's registry of close codes, with its abbreviations written out. */
const NAMES: Record<number, string> = {
  1000: 'Normal Closure',
  1001: 'Going Away',
  1002: 'Protocol Error',
  1003: 'Unsupported Data',
  1004: 'Reserved',
  1005: 'No Status Received',
  1006: 'Abnormal Closure',
  1007: 'Invalid Frame Payload Data',
  1008: 'Policy Violation',
  1009: 'Message Too Big',
  1010: 'Mandatory Extension',
  1011: 'Internal Error',
  1012: 'Service Restart',
  1013: 'Try Again Later',
  1014: 'Bad Gateway',
  1015: 'TLS Handshake',
  3000: 'Unauthorized',
  3003: 'Forbidden',
  3008: 'Timeout',
}

/** The close codes of IANA's registry, explained for someone who debugs a connection. */
const MEANINGS: Record<number, string> = {
  1000: 'The connection has served its purpose.',
  1001: 'One side is going away: the server is stopping, or the user left the page.',
  1002: 'One side broke the protocol, for example with a malformed frame.',
  1003: 'The receiver does not accept this type of message, for example binary where it expects text.',
  1004: 'The code is reserved and has no meaning yet.',
  1005: 'The close frame contained no code.',
  1006: 'The connection ended without a close frame: a crash, a lost network, a proxy timeout, or a failed handshake.',
  1007: 'The message contained invalid data, for example text that is not UTF-8.',
  1008: 'The message or the client broke a rule of the receiver, and no other code fits.',
  1009: 'The message was too large for the receiver.',
  1010: 'The server did not accept an extension that the client needs.',
  1011: 'The server had an unexpected error and could not continue.',
  1012: 'The server is restarting, so reconnect a little later.',
  1013: 'The server is overloaded, so try again later.',
  1014: 'A gateway or proxy got an invalid response from the server behind it.',
  1015: 'The TLS handshake failed, for example because the certificate is not trusted.',
  3000: 'The server requires authentication, which is missing or was rejected.',
  3003: 'The server does not permit this client to do this.',
  3008: 'The server waited too long for the client.',
}

/** Returns the registered name of a close code, or `undefined` if it has none (IANA's registry of close codes). */
export const nameClose = (code: number): string | undefined => NAMES[code]

/** Explains a close code in one sentence (RFC 6455 section 7.4, and IANA's registry). */
export function explainClose(code: number): string {
  const meaning = MEANINGS[code]
  if (meaning) return meaning
  if (code >= 1016 && code <= 2999) return 'The code is reserved for future versions of the protocol.'
  if (code >= 3000 && code <= 3999)
    return 'The code is defined by a library or framework, whose documentation explains it.'
  if (code >= 4000 && code <= 4999) return 'The code is defined by the application, whose authors know its meaning.'
  return 'The protocol does not allow this code.'
}

/** Returns the rule of browsers that a close would break, if any (WebSocket API; RFC 6455 sections 5.5 and 7.4). */
export function checkClose(code: number, reason: string): string | undefined {
  const isAllowed = code === 1000 || (Number.isInteger(code) && code >= 3000 && code <= 4999)
  if (!isAllowed) return 'The close code must be 1000 or a whole number from 3000 to 4999.'
  const bytes = byteLength(reason)
  if (bytes > MAX_REASON_BYTES)
    return `The reason has ${bytes} bytes in UTF-8. At most ${MAX_REASON_BYTES} are allowed.`
  return undefined
}
