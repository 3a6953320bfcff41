import type { ServerResponse } from 'node:http'
import type { Refusal } from '../connection/observer.ts'
import { escaped, printable } from '../log.ts'

/** To a plain request, or to a handshake that is refused. */
export type Answer = {
  reason?: Refusal
  status: number
  headers?: Record<string, string>
  body: string
  /** Whether another replica might take what this one can't. */
  isElsewhereBetter?: boolean
}

/** Sends an answer as plain text that a page of any origin may read. */
export function send(response: ServerResponse, { status, headers, body }: Answer): void {
  const text = body
    .split('\n')
    .map(line => `${escaped(line)}\n`)
    .join('')
  response.writeHead(status, {
    'Access-Control-Allow-Origin': '*',
    Connection: 'close',
    'Content-Length': Buffer.byteLength(text),
    'Content-Type': 'text/plain; charset=utf-8',
    'X-Content-Type-Options': 'nosniff',
    ...headers,
  })
  response.end(text)
}

const LOST_UPGRADE = `This is a WebSocket handshake without its Upgrade header: a proxy on the way has dropped it.
The proxy has to pass on Upgrade and Connection, and to speak HTTP/1.1.`

/** Tells a client that did not ask for an upgrade how to (RFC 9110, section 15.5.22). */
export function upgradeRequired(address: string, isHandshake: boolean): Answer {
  const how = `This address speaks WebSocket: connect to it with new WebSocket(${JSON.stringify(printable(address))})`
  return {
    status: 426,
    headers: { Connection: 'Upgrade, close', Upgrade: 'websocket' },
    body: isHandshake ? LOST_UPGRADE : how,
  }
}
