import { type Parser, Unexpected } from '../../config/values.ts'
import { defineParameter } from '../parameter.ts'

const EXPECTED = 'a path such as /raw, or an address such as ws://echo.test/raw, with at most 2048 characters'

// The characters of a URL (RFC 3986, section 2), and a percent sign only before two hex digits.
const URL_TEXT = /^(?:[\w\-.~!$&'()*+,;=:@/?#[\]]|%[0-9a-f]{2})*$/i

const target: Parser<string> = text => {
  const isPath = /^\/(?!\/)/.test(text)
  const isAddress = /^(ws|http)s?:\/\/[^/?#@]+([/?#]|$)/.test(text) && URL.canParse(text)
  if (text.length > 2048 || !URL_TEXT.test(text) || !(isPath || isAddress)) throw new Unexpected(EXPECTED)
  return text
}

export const location = defineParameter({
  name: 'location',
  group: 'handshake',
  label: 'Location of the redirect',
  hint: 'a path such as /raw',
  sentence:
    'the redirect leads to this path of the server, which may have a query of its own, or to this address on one of the hosts in `REDIRECT_HOSTS`',
  example: '/raw',
  parse: target,
  needs: ['redirect'],
  recorded: 'never',
  check(target, _, { redirectHosts }) {
    if (target.startsWith('/')) return undefined
    const { protocol, host, hostname, port } = new URL(target)
    // A URL has no port if it is the default.
    const defaultPort = /^(https|wss):/.test(protocol) ? 443 : 80
    const isAllowed = redirectHosts.has(hostname) || redirectHosts.has(`${hostname}:${port || defaultPort}`)
    return isAllowed ? undefined : `location: REDIRECT_HOSTS does not list the host ${host}`
  },
})
