/** Gives the address of the server that is beside a page: `ws` under its base URI, secure when the page is. */
export function defaultAddress(baseURI: string): string {
  const url = new URL('ws', baseURI)
  url.protocol = url.protocol.replace('http', 'ws')
  return url.href
}
