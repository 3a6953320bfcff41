import type { IncomingMessage } from 'node:http'
import { hostname } from 'node:os'
import type { Peer } from '../connection/connection.ts'

/**
 * Describes a handshake as the server saw it, in JSON.
 * @param remoteAddress of the hop that the request came from
 */
export function describeHandshake(
  connection: number,
  { headers, rawHeaders }: IncomingMessage,
  remoteAddress: string,
  { address, path, query, subprotocol, extensions }: Peer,
): string {
  return JSON.stringify({
    connection,
    host: hostname(),
    path,
    query,
    headers: Array.from({ length: rawHeaders.length / 2 }, (_, i) => rawHeaders.slice(2 * i, 2 * i + 2)),
    remoteAddress,
    forwardedAddress: address === remoteAddress ? null : address,
    subprotocol: { offered: headers['sec-websocket-protocol'] ?? null, chosen: subprotocol ?? null },
    extensions: { offered: headers['sec-websocket-extensions'] ?? null, chosen: extensions ?? null },
  })
}
