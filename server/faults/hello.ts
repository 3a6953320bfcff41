import type { IncomingMessage } from 'node:http'
import { hostname } from 'node:os'
import { pathOf, queryOf, remoteAddressOf } from '../request.ts'

/** What a connection's handshake came to. */
export type Handshake = {
  request: IncomingMessage
  /** The lines of the answer. */
  answer: string[]
  connection: number
  /** The peer's own, which proxies may have forwarded. */
  address: string
}

/** Describes a handshake as the server saw it, in JSON. */
export function describeHandshake({ request, answer, connection, address }: Handshake): string {
  const { rawHeaders, headers } = request
  const remoteAddress = remoteAddressOf(request)
  const agreed = (name: string) => {
    const line = answer.find(line => line.startsWith(`${name}: `))
    return { offered: headers[name.toLowerCase()] ?? null, chosen: line?.slice(name.length + 2) ?? null }
  }
  return JSON.stringify({
    connection,
    host: hostname(),
    path: pathOf(request),
    query: queryOf(request),
    headers: Array.from({ length: rawHeaders.length / 2 }, (_, i) => rawHeaders.slice(2 * i, 2 * i + 2)),
    remoteAddress,
    forwardedAddress: address === remoteAddress ? null : address,
    subprotocol: agreed('Sec-WebSocket-Protocol'),
    extensions: agreed('Sec-WebSocket-Extensions'),
  })
}
