import type { IncomingMessage } from 'node:http'
import { isIPv4, isIPv6 } from 'node:net'

/**
 * Returns why a request may come from a web page, or `undefined` if it cannot. There is no login, so this check keeps
 * pages out: a page cannot hide its origin, and a domain that resolves to this server (DNS rebinding) is not allowed.
 */
export function problemOf({ headers }: IncomingMessage, allowedHosts: ReadonlySet<string>): string | undefined {
  const { host = '', origin, 'sec-fetch-site': site = 'none' } = headers
  if (origin !== undefined) return 'Requests from web pages are refused: this one has an Origin header'
  if (site !== 'none') return 'Requests from web pages are refused: this one has a Sec-Fetch-Site header'
  const [, address, name = ''] = /^(?:\[([^\]]*)\]|([^:]*))(?::\d+)?$/.exec(host.toLowerCase()) ?? []
  const isAllowed = address ? isIPv6(address) : isIPv4(name) || name === 'localhost' || allowedHosts.has(name)
  return isAllowed ? undefined : 'The Host must be an IP address, localhost, or a name in CONTROL_ALLOWED_HOSTS'
}
