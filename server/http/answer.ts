import type { ServerResponse } from 'node:http'
import type { Refusal } from '../connection/observer.ts'

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
