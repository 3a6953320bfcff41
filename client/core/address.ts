/** Returns the address of the page's own server: `ws` under its base URI, with `wss:` when the page uses `https:`. */
export function defaultAddress(baseURI: string): string {
  const url = new URL('ws', baseURI)
  url.protocol = url.protocol.replace('http', 'ws')
  return url.href
}

/** The address of a server in its full form, or one sentence that names the fault. */
export type ReadAddress = { url: string } | { problem: string }

const SCHEMES: Record<string, string> = { ws: 'ws', wss: 'wss', http: 'ws', https: 'wss' }
const FORBIDDEN = /[\s<>^|]|%[0-7]/
const MAX_PORT = 65_535

/**
 * Reads an address as a person types it (RFC 6455 section 3). Without a scheme it gets `ws://`, or `wss://` on a page
 * that uses `https:`, from which browsers do not permit `ws://`. `http://` and `https://` become `ws://` and `wss://`.
 */
export function readAddress(typed: string, pageProtocol: string): ReadAddress {
  const text = typed.trim()
  if (text === '') return { problem: 'Type the address of a server, for example localhost:7777.' }

  const [, scheme, rest = ''] = /^(?:([a-z][a-z\d+.-]*):)?\/\/(.*)$/is.exec(text) ?? [undefined, undefined, text]
  const broken = /^(?:wss?|https?)(?=:?\/)/i.exec(rest)
  if (scheme === undefined && broken) return { problem: `Write "${broken[0]}://" before the host.` }
  const known = SCHEMES[scheme?.toLowerCase() ?? (pageProtocol === 'https:' ? 'wss' : 'ws')]
  if (!known) return { problem: `"${scheme}://" is not for WebSockets. Use ws:// or wss://.` }

  const [authority = ''] = rest.split(/[/?#\\]/, 1)
  const host = authority.slice(authority.lastIndexOf('@') + 1)
  const [, name = host, port] = /^(.*?):([^:\]]*)$/.exec(host) ?? []
  if (name === '') return { problem: `The address has no host after "${known}://".` }
  if (port && !/^\d+$/.test(port)) return { problem: `The port "${port}" is not a number.` }
  if (Number(port) > MAX_PORT) return { problem: `The port ${port} is too high: the highest is ${MAX_PORT}.` }
  if (rest.includes('#')) return { problem: 'A WebSocket address has no #fragment. Write %23 for a #.' }
  // Chromium encodes the characters that the URL standard forbids in a host.
  const url = `${known}://${rest}`
  if (FORBIDDEN.test(name) || !URL.canParse(url)) return { problem: `"${name}" is not a valid host.` }
  return { url: new URL(url).href }
}

/** Returns the error for an address that cannot be used. `problem` is one sentence. */
export const notAnAddress = (address: string, problem: string): string =>
  `"${address}" is not a WebSocket address. ${problem}`

/** Returns the host and port of an address as it was typed, or an empty string if it has none. */
export function hostOf(typed: string): string {
  const read = readAddress(typed, 'http:')
  return 'url' in read ? new URL(read.url).host : ''
}

/**
 * Removes `user:password@` from an address, which may be incomplete because the user is still typing. Links, stored
 * addresses and the log must not reveal a password.
 */
export function withoutCredentials(address: string): string {
  return address.replace(/^(\s*(?:[a-z][a-z\d+.-]*:)?\/\/|\s*)[^/?#\\]*@/i, '$1')
}
