import { hash } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { agreeOnDeflate, type Deflate } from '../wire/deflate.ts'
import { subprotocol } from '../wire/internals.ts'
import type { Answer } from './answer.ts'

/** What an opening handshake comes to (RFC 6455, section 4.2.2): the headers of the answer, in their order. */
export type Agreement = { headers: Map<string, string>; deflate: Deflate }

const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11'

const malformed = (body: string, status = 400, headers = {}): Answer => ({ reason: 'malformed', status, headers, body })

/**
 * Agrees with a client on a WebSocket.
 * @param chosen the subprotocol instead of the first that the client offers; empty for none
 * @returns why the handshake is none, if it isn't (section 4.2.1)
 */
export function agree(request: IncomingMessage, chosen: string | undefined): Agreement | Answer {
  const { method, headers: asked } = request
  const { 'sec-websocket-key': key = '', 'sec-websocket-version': version = '' } = asked
  const { 'sec-websocket-protocol': names, 'sec-websocket-extensions': offers } = asked
  if (method !== 'GET') return malformed('A handshake is a GET', 405, { Allow: 'GET' })
  if (!/^[+/0-9A-Za-z]{22}==$/.test(key)) return malformed('Sec-WebSocket-Key: expected 16 bytes in base64')
  if (!['13', '8'].includes(version)) {
    return malformed('Sec-WebSocket-Version: expected 13', 400, { 'Sec-WebSocket-Version': '13, 8' })
  }

  const headers = new Map([
    ['Upgrade', 'websocket'],
    ['Connection', 'Upgrade'],
    ['Sec-WebSocket-Accept', hash('sha1', key + GUID, 'base64')],
  ])
  try {
    const [first = ''] = names === undefined ? [] : subprotocol.parse(withoutEmptyElements(names))
    if (chosen ?? first) headers.set('Sec-WebSocket-Protocol', chosen ?? first)
    const agreed = offers === undefined ? undefined : agreeOnDeflate(withoutEmptyElements(offers))
    if (agreed) headers.set('Sec-WebSocket-Extensions', agreed.header)
    return { headers, deflate: agreed?.deflate }
  } catch (error) {
    return malformed(`Sec-WebSocket-Protocol or Sec-WebSocket-Extensions: ${(error as Error).message}`)
  }
}

/** A list as it counts: empty elements are ignored (RFC 9110, section 5.6.1), but a list of nothing else is invalid. */
const withoutEmptyElements = (list: string) =>
  list
    .split(',')
    .map(element => element.trim())
    .filter(element => element !== '')
    .join(',')

/** The bytes of a 101. */
export function switchingProtocols(headers: ReadonlyMap<string, string>): string {
  const lines = Array.from(headers, ([name, value]) => `${name}: ${value}\r\n`)
  return `HTTP/1.1 101 Switching Protocols\r\n${lines.join('')}\r\n`
}
