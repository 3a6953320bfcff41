import type { IncomingMessage } from 'node:http'
import { isIP } from 'node:net'
import proxyaddr from 'proxy-addr'
import type { Config } from '../config/config.ts'
import { printable } from '../log.ts'

/** Whether it asks for a WebSocket: an upgrade to anything else is served as if it weren't there, and HTTP/1.0 has none
 * (RFC 9110, section 7.8). */
export const isHandshake = ({ headers, httpVersion }: IncomingMessage): boolean =>
  headers.upgrade?.toLowerCase() === 'websocket' && httpVersion === '1.1'

/** Path and query, also of a target in absolute form (RFC 9112, section 3.2.2). */
const targetOf = ({ url = '' }: IncomingMessage): string => url.replace(/^https?:\/\/[^/?]*/i, '')

export const pathOf = (request: IncomingMessage): string => targetOf(request).split('?', 1)[0] ?? ''

/** What comes after the first `?`, as it came. */
export function queryOf(request: IncomingMessage): string {
  const target = targetOf(request)
  const at = target.indexOf('?')
  return at < 0 ? '' : target.slice(at + 1)
}

/** Of the hop that the request came from. */
export const remoteAddressOf = ({ socket }: IncomingMessage): string =>
  socket.remoteAddress?.replace(/^::ffff:(?=\d+\.)/, '') ?? 'gone'

/** The peer's own address: the rightmost of `X-Forwarded-For` that isn't a trusted proxy's, if it is an address. */
export function addressOf(request: IncomingMessage, isTrustedProxy: Config['isTrustedProxy']): string {
  const forwarded = proxyaddr(request, isTrustedProxy)
  return isIP(forwarded) ? printable(forwarded.replace(/^::ffff:(?=\d+\.)/, '')) : remoteAddressOf(request)
}

/** The address by which it was asked for, as a WebSocket's; whether that is secure, a trusted proxy tells. */
export function webSocketAddressOf(request: IncomingMessage, isTrustedProxy: Config['isTrustedProxy']): string {
  const { host = 'localhost', 'x-forwarded-proto': scheme } = request.headers
  const isSecure = scheme === 'https' && isTrustedProxy(remoteAddressOf(request), 0)
  return `${isSecure ? 'wss' : 'ws'}://${host}${targetOf(request)}`
}
