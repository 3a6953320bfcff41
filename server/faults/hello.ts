import type { IncomingMessage } from 'node:http'
import { hostname } from 'node:os'

/** What a connection's handshake came to. */
export type Handshake = {
  request: IncomingMessage
  /** Of the answer. */
  headers: ReadonlyMap<string, string>
  connection: number
  /** Path and query, as they came. */
  target: string
  /** Of the hop that the request came from. */
  remoteAddress: string
  /** The peer's own, which proxies may have forwarded. */
  address: string
}

/** Describes a handshake as the server saw it, in JSON. */
export function describeHandshake(handshake: Handshake): string {
  const { request, headers, connection, target, remoteAddress, address } = handshake
  const { rawHeaders } = request
  const [path = '', query = ''] = target.split(/\?(.*)/s)
  const agreed = (name: string) => ({
    offered: request.headers[name.toLowerCase()] ?? null,
    chosen: headers.get(name) ?? null,
  })
  return JSON.stringify({
    connection,
    host: hostname(),
    path,
    query,
    headers: Array.from({ length: rawHeaders.length / 2 }, (_, i) => rawHeaders.slice(2 * i, 2 * i + 2)),
    remoteAddress,
    forwardedAddress: address === remoteAddress ? null : address,
    subprotocol: agreed('Sec-WebSocket-Protocol'),
    extensions: agreed('Sec-WebSocket-Extensions'),
  })
}
