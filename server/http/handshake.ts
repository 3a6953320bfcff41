import { hash } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import type { SwitchingResponse } from '../faults/parameter.ts'
import { agreeOnDeflate, type Deflate, OfferError } from '../wire/deflate.ts'
import { subprotocol } from '../wire/internals.ts'
import type { Answer } from './answer.ts'

/** The result of an opening handshake (RFC 6455, section 4.2.2): the 101 and the compression. */
export type Agreement = SwitchingResponse & { deflate: Deflate }

const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11'

/** Returns the answer to a key (RFC 6455, section 4.2.2). */
export const acceptOf = (key: string): string => hash('sha1', key + GUID, 'base64')

const malformed = (body: string, status = 400, headers = {}): Answer => ({ reason: 'malformed', status, headers, body })

/**
 * Negotiates a WebSocket with a client.
 * @param chosen replaces the first subprotocol that the client offers; '' chooses none
 * @param compress declines compression, or demands it with context takeover
 * @returns the refusal if the handshake is invalid (section 4.2.1), or the client does not offer this compression
 */
export function agree(
  request: IncomingMessage,
  chosen: string | undefined,
  compress?: 'off' | 'takeover',
): Agreement | Answer {
  const { method, headers: received } = request
  const { 'sec-websocket-key': key = '', 'sec-websocket-version': version = '' } = received
  const { 'sec-websocket-protocol': names, 'sec-websocket-extensions': offers } = received
  if (method !== 'GET') return malformed('A handshake must use GET', 405, { Allow: 'GET' })
  if (!/^[+/0-9A-Za-z]{22}==$/.test(key)) return malformed('Sec-WebSocket-Key: expected 16 bytes in base64')
  if (!['13', '8'].includes(version)) {
    return malformed('Sec-WebSocket-Version: expected 13', 400, { 'Sec-WebSocket-Version': '13, 8' })
  }

  const headers = new Map([
    ['Upgrade', 'websocket'],
    ['Connection', 'Upgrade'],
    ['Sec-WebSocket-Accept', acceptOf(key)],
  ])
  try {
    // Some clients, such as Tcl's, send the header without a value when they offer nothing.
    const [first = ''] = names ? subprotocol.parse(withoutEmptyElements(names)) : []
    if (chosen ?? first) headers.set('Sec-WebSocket-Protocol', chosen ?? first)
    const agreed = agreeOnDeflate(offers === undefined ? undefined : withoutEmptyElements(offers), compress)
    if (agreed) headers.set('Sec-WebSocket-Extensions', agreed.header)
    return { headers, added: [], tail: '', deflate: agreed?.deflate }
  } catch (error) {
    if (error instanceof OfferError) return { reason: 'query', status: 400, body: error.message }
    return malformed(`Sec-WebSocket-Protocol or Sec-WebSocket-Extensions: ${(error as Error).message}`)
  }
}

/** Removes empty elements, which don't count (RFC 9110, section 5.6.1). A list without any other element is invalid. */
const withoutEmptyElements = (list: string) =>
  list
    .split(',')
    .map(element => element.trim())
    .filter(element => element !== '')
    .join(',')

/** Returns the bytes of a 101 response. */
export function switchingProtocols({ headers, added, tail }: SwitchingResponse): string {
  const lines = Array.from([...headers, ...added], ([name, value]) => `${name}: ${value}\r\n`)
  return `HTTP/1.1 101 Switching Protocols\r\n${lines.join('')}\r\n${tail}`
}
