import type { IncomingMessage } from 'node:http'
import { isIPv4, isIPv6 } from 'node:net'

/**
 * Why a request may come from a web page, if it may. Without authentication, it is this that keeps pages out: they
 * can't help telling their origin, and a name of theirs that leads here (DNS rebinding) is not among the allowed ones.
 */
export function suspicionOf({ headers }: IncomingMessage, allowedHosts: ReadonlySet<string>): string | undefined {
  const { host = '', origin, 'sec-fetch-site': site = 'none' } = headers
  if (origin !== undefined) return 'Requests of web pages are refused: this one has an Origin'
  if (site !== 'none') return 'Requests of web pages are refused: this one has a Sec-Fetch-Site'
  const [, address, name = ''] = /^(?:\[([^\]]*)\]|([^:]*))(?::\d+)?$/.exec(host.toLowerCase()) ?? []
  if (address !== undefined ? isIPv6(address) : isIPv4(name) || name === 'localhost' || allowedHosts.has(name))
    return undefined
  return 'The Host is neither an address, nor localhost, nor in CONTROL_ALLOWED_HOSTS'
}
