import type { IncomingMessage } from 'node:http'
import { hostname } from 'node:os'
import type { Peer } from '../connection/connection.ts'
import { type Header, headersOf } from './headers.ts'

// Headers that the stack's NGINX sets, replacing any that the client sent.
const PROXY_HEADERS = ['x-real-ip', 'x-forwarded-for', 'x-forwarded-proto', 'x-forwarded-host', 'x-next-replica']

// Headers in which a browser or an authenticating proxy sends data that pages of other origins must not read.
const SECRET =
  /^(?!sec-websocket-).*(cookie|auth|token|session|secret|password|credential|user(?!-agent)|email|cert|key|jwt|assertion|oidc|principal)/i

const MASK = 'hidden from pages of other origins'

/**
 * Describes a handshake in JSON as it arrived at the server.
 * @param remoteAddress the address at the other end of the TCP connection
 * @param isProxied whether that is a trusted proxy
 * @param upstream the address of the backend that answers, if there is one
 */
export function describeHandshake(
  connection: number,
  request: IncomingMessage,
  remoteAddress: string,
  isProxied: boolean,
  { address, path, query, subprotocol, extensions }: Peer,
  upstream?: string,
): string {
  const { headers } = request
  const isMasked = isForeign(headers, isProxied)
  const all = headersOf(request).map(([name, value]): Header => [name, isMasked && SECRET.test(name) ? MASK : value])
  // Only the stack's own NGINX sends X-Next-Replica.
  const isOwn = ([name]: Header) =>
    isProxied && headers['x-next-replica'] !== undefined && PROXY_HEADERS.includes(name.toLowerCase())
  return JSON.stringify({
    connection,
    host: hostname(),
    upstream,
    path,
    query,
    headers: all.filter(header => !isOwn(header)),
    proxyHeaders: all.filter(isOwn),
    remoteAddress,
    forwardedAddress: address === remoteAddress ? null : address,
    subprotocol: { offered: headers['sec-websocket-protocol'] ?? null, chosen: subprotocol ?? null },
    extensions: { offered: headers['sec-websocket-extensions'] ?? null, chosen: extensions ?? null },
  })
}

/** Returns whether a page of another origin opened the connection. */
function isForeign({ origin, host, ...headers }: IncomingMessage['headers'], isProxied: boolean): boolean {
  const scheme = isProxied && headers['x-forwarded-proto'] === 'https' ? 'https' : 'http'
  return origin !== undefined && origin !== `${scheme}://${host}`
}
