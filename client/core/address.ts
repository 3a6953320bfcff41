/** Returns the address of the page's own server: `ws` under its base URI, with `wss:` when the page uses `https:`. */
export function defaultAddress(baseURI: string): string {
  const url = new URL('ws', baseURI)
  url.protocol = url.protocol.replace('http', 'ws')
  return url.href
}
