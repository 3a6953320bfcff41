import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Refusal } from '../connection/observer.ts'
import { hasContent } from '../faults/status.ts'
import { escaped, printable } from '../log.ts'

/** The answer to a plain request or a refused handshake. */
export type Answer = {
  reason?: Refusal
  status: number
  headers?: Record<string, string | string[]>
  body: string
  /** What the log says in place of the body. */
  problem?: string
  /** The backend's answer, which is passed on in place of the body. */
  relayed?: IncomingMessage
  /** Whether another replica may be able to accept the request. */
  canRetryElsewhere?: boolean
}

/** Returns the reason for an answer as the log shows it, on one line. */
export const problemOf = ({ body, problem = body }: Answer): string => printable(problem.replaceAll('\n', '; '))

/** Sends an answer as plain text that pages of any origin may read. */
export function send(response: ServerResponse, { status, headers, body }: Answer): void {
  const text = body
    .split('\n')
    .map(line => `${escaped(line)}\n`)
    .join('')
  const length = Buffer.byteLength(text)
  const content = {
    'Content-Length': length,
    // RFC 9110, section 15.3.7.1.
    ...(status === 206 && { 'Content-Range': `bytes 0-${length - 1}/${length}` }),
    'Content-Type': 'text/plain; charset=utf-8',
    'X-Content-Type-Options': 'nosniff',
  }
  response.writeHead(status, {
    // A protocol may have named the origin, for requests with credentials.
    ...(response.hasHeader('Access-Control-Allow-Origin') ? undefined : { 'Access-Control-Allow-Origin': '*' }),
    'Access-Control-Expose-Headers': '*',
    Connection: 'close',
    ...(hasContent(status) ? content : status === 205 && { 'Content-Length': 0 }),
    ...headers,
  })
  response.end(hasContent(status) ? text : undefined)
}

const HANDSHAKE_HEADERS = [
  'Connection',
  'Upgrade',
  'Sec-WebSocket-Key',
  'Sec-WebSocket-Version',
  'Sec-WebSocket-Protocol',
  'Sec-WebSocket-Extensions',
]

/** Says why a request is not a handshake (RFC 6455, section 4.2.1). */
export function missingUpgrade({ headers, httpVersion }: IncomingMessage): string {
  if (httpVersion !== '1.1') return `it came as HTTP/${httpVersion}, which cannot upgrade`
  const missing = headers.upgrade?.toLowerCase() === 'websocket' ? 'Connection: Upgrade' : 'Upgrade: websocket'
  return `no "${missing}" header arrived`
}

/**
 * Explains to a client that requested no upgrade how to do so (RFC 9110, section 15.5.22).
 * @param note comes first
 */
export function upgradeRequired(request: IncomingMessage, address: string, note = ''): Answer {
  const arrived = HANDSHAKE_HEADERS.flatMap(name => {
    const value = request.headers[name.toLowerCase()]
    return value === undefined ? [] : `  ${name}: ${printable(String(value))}`
  })
  return {
    status: 426,
    headers: { Connection: 'Upgrade, close', Upgrade: 'websocket' },
    body: `${note}This is a WebSocket server. Connect to it with new WebSocket(${JSON.stringify(printable(address))})

This request is not a WebSocket handshake: ${missingUpgrade(request)}.
If the client sent a handshake, a proxy on the way changed it. It must speak HTTP/1.1 and pass on Upgrade and Connection.

Headers of a handshake that arrived:
${arrived.join('\n') || '  none'}`,
  }
}
