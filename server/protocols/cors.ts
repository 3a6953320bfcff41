import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Config } from '../config/config.ts'

/** Seconds for which a browser may remember the answer to a preflight. */
const MAX_AGE = 3600

/**
 * Lets pages of any allowed origin read the answer. Names the origin, because clients send requests with credentials, for
 * which `*` is not enough. Answers a preflight.
 * @returns whether the request was a preflight, which is now answered
 */
export function allowPages(
  { headers, method }: IncomingMessage,
  response: ServerResponse,
  { allowedOrigins }: Pick<Config, 'allowedOrigins'>,
): boolean {
  const { origin, 'access-control-request-method': requested } = headers
  const isPreflight = method === 'OPTIONS' && requested !== undefined
  response.setHeader('Vary', 'Origin')
  if (origin !== undefined && allowedOrigins?.has(origin) !== false) {
    response.setHeader('Access-Control-Allow-Origin', origin)
    response.setHeader('Access-Control-Allow-Credentials', 'true')
    if (isPreflight) {
      response.setHeader('Access-Control-Allow-Methods', 'GET, POST, DELETE')
      response.setHeader('Access-Control-Allow-Headers', headers['access-control-request-headers'] ?? '')
      response.setHeader('Access-Control-Max-Age', MAX_AGE)
    }
  }
  if (isPreflight) response.writeHead(204).end()
  return isPreflight
}
