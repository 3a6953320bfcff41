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

/** Whether it is a handshake from which a proxy has removed what asks for the upgrade. */
export const hasLostUpgrade = ({ headers }: IncomingMessage): boolean => headers['sec-websocket-key'] !== undefined

/** Whether it comes from a browser's address bar. */
export const wantsHtml = ({ headers }: IncomingMessage): boolean => headers.accept?.includes('text/html') === true

/** About what it takes in memory: its headers are kept as they came, and by their names. */
export const costOfRequest = ({ rawHeaders }: IncomingMessage): number =>
  rawHeaders.reduce((sum, text) => sum + 2 * text.length + 128, 4096)

/** How many `Host` headers it has. */
export const hostsOf = ({ rawHeaders }: IncomingMessage): number =>
  rawHeaders.filter((name, i) => i % 2 === 0 && name.toLowerCase() === 'host').length

/** Of the hop that the request came from. */
export const remoteAddressOf = ({ socket }: IncomingMessage): string =>
  socket.remoteAddress?.replace(/^::ffff:(?=\d+\.)/, '') ?? 'gone'

/** The peer's own address: the rightmost of `X-Forwarded-For` that isn't a trusted proxy's, if it is an address. */
export function addressOf(request: IncomingMessage, isTrustedProxy: Config['isTrustedProxy']): string {
  const forwarded = proxyaddr(request, isTrustedProxy)
  return isIP(forwarded) ? printable(forwarded.replace(/^::ffff:(?=\d+\.)/, '')) : remoteAddressOf(request)
}

/** The WebSocket address for where it was sent. It is secure if a trusted proxy says so, or if a secure page asks. */
export function webSocketAddressOf(request: IncomingMessage, isTrustedProxy: Config['isTrustedProxy']): string {
  const { host = 'localhost', 'x-forwarded-proto': scheme } = request.headers
  const isProxied = scheme === 'https' && isTrustedProxy(remoteAddressOf(request), 0)
  const isSecure = isProxied || request.headers.origin?.startsWith('https:')
  return `${isSecure ? 'wss' : 'ws'}://${host}${targetOf(request)}`
}
