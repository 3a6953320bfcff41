import type { IncomingMessage } from 'node:http'
import { isIPv4, isIPv6 } from 'node:net'

/**
 * Tells why a request might come from a web page, or `undefined` if it can't. Nobody has to log in, so this is what
 * keeps pages out: they can't hide their origin, and a name of theirs that leads here (DNS rebinding) isn't allowed.
 */
export function problemOf({ headers }: IncomingMessage, allowedHosts: ReadonlySet<string>): string | undefined {
  const { host = '', origin, 'sec-fetch-site': site = 'none' } = headers
  if (origin !== undefined) return 'Requests of web pages are refused: this one has an Origin'
  if (site !== 'none') return 'Requests of web pages are refused: this one has a Sec-Fetch-Site'
  const [, address, name = ''] = /^(?:\[([^\]]*)\]|([^:]*))(?::\d+)?$/.exec(host.toLowerCase()) ?? []
  const isAllowed = address ? isIPv6(address) : isIPv4(name) || name === 'localhost' || allowedHosts.has(name)
  return isAllowed ? undefined : 'The Host is neither an address, nor localhost, nor in CONTROL_ALLOWED_HOSTS'
}
