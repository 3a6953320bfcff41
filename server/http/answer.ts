import type { ServerResponse } from 'node:http'
import type { Refusal } from '../connection/observer.ts'
import { printable } from '../log.ts'

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
  const text = `${body}\n`
  response.writeHead(status, {
    'Access-Control-Allow-Origin': '*',
    'Content-Length': Buffer.byteLength(text),
    'Content-Type': 'text/plain; charset=utf-8',
    'X-Content-Type-Options': 'nosniff',
    ...headers,
  })
  response.end(text)
}

/** Tells a client that did not ask for an upgrade how to (RFC 9110, section 15.5.22). */
export function upgradeRequired(address: string, keepsAlive: boolean): Answer {
  return {
    status: 426,
    headers: { Connection: keepsAlive ? 'Upgrade' : 'Upgrade, close', Upgrade: 'websocket' },
    body: `This address speaks WebSocket: connect to it with new WebSocket(${JSON.stringify(printable(address))})`,
  }
}
