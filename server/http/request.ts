import type { IncomingMessage } from 'node:http'
import { isIP } from 'node:net'
import proxyaddr from 'proxy-addr'
import type { Config } from '../config/config.ts'
import { printable } from '../log.ts'

/** Returns whether a request asks for a WebSocket. Other upgrades are ignored, and HTTP/1.0 cannot upgrade (RFC 9110,
 * section 7.8). */
export const isHandshake = ({ headers, httpVersion }: IncomingMessage): boolean =>
  headers.upgrade?.toLowerCase() === 'websocket' && httpVersion === '1.1'

/** Returns path and query. A target may also be in absolute form (RFC 9112, section 3.2.2). */
const targetOf = ({ url = '' }: IncomingMessage): string => url.replace(/^https?:\/\/[^/?]*/i, '')

export const pathOf = (request: IncomingMessage): string => targetOf(request).split('?', 1)[0] ?? ''

/** Returns the text after the first `?`, unchanged. */
export function queryOf(request: IncomingMessage): string {
  const target = targetOf(request)
  const at = target.indexOf('?')
  return at < 0 ? '' : target.slice(at + 1)
}

/** Returns whether a WebSocket is connected on to the backend if there is one. The server answers the others. */
export const isForBackend = (request: IncomingMessage): boolean => !['/raw', '/echo'].includes(pathOf(request))

/** Returns the test to which a request belongs. */
export const testIdOf = ({ headers }: IncomingMessage): string | undefined => headers['x-test-id']?.toString()

/** Returns whether a plain request is a handshake whose upgrade a proxy has removed. */
export const hasLostUpgrade = ({ headers }: IncomingMessage): boolean => headers['sec-websocket-key'] !== undefined

/** Returns whether a request comes from a browser's address bar. */
export const wantsHtml = ({ headers }: IncomingMessage): boolean => headers.accept?.includes('text/html') === true

/** Returns about how many bytes a request takes in memory. Node.js keeps the headers twice: as a list and by name. */
export const costOfRequest = ({ rawHeaders }: IncomingMessage): number =>
  rawHeaders.reduce((sum, text) => sum + 2 * text.length + 128, 4096)

/** Returns the number of `Host` headers. */
export const hostsOf = ({ rawHeaders }: IncomingMessage): number =>
  rawHeaders.filter((name, i) => i % 2 === 0 && name.toLowerCase() === 'host').length

/** Returns the address at the other end of the TCP connection, which may be a proxy's. */
export const remoteAddressOf = ({ socket }: IncomingMessage): string =>
  socket.remoteAddress?.replace(/^::ffff:(?=\d+\.)/, '') ?? 'gone'

/** Returns the peer's own address: the rightmost one in `X-Forwarded-For` that is not a trusted proxy. */
export function addressOf(request: IncomingMessage, isTrustedProxy: Config['isTrustedProxy']): string {
  const forwarded = proxyaddr(request, isTrustedProxy)
  return isIP(forwarded) ? printable(forwarded.replace(/^::ffff:(?=\d+\.)/, '')) : remoteAddressOf(request)
}

/** Returns the WebSocket address of a request. It is secure if a trusted proxy says so or the page's origin is. */
export function webSocketAddressOf(request: IncomingMessage, isTrustedProxy: Config['isTrustedProxy']): string {
  const { host = 'localhost', 'x-forwarded-proto': scheme } = request.headers
  const isProxied = scheme === 'https' && isTrustedProxy(remoteAddressOf(request), 0)
  const isSecure = isProxied || request.headers.origin?.startsWith('https:')
  return `${isSecure ? 'wss' : 'ws'}://${host}${targetOf(request)}`
}
