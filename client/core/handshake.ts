type AskOptions = {
  /** The origin of the page, for example `https://example.org`. */
  pageOrigin: string
  fetch?: typeof fetch
  /** In ms. */
  timeout?: number
}

const TIMEOUT = 5000
const MAX_BYTES = 4096
const MAX_CHARACTERS = 500

/**
 * Sends a plain HTTP request to the address of a failed handshake and describes the response, since browsers hide the
 * response to the handshake itself. Never rejects.
 */
export async function askWhy(
  url: string,
  { pageOrigin, fetch = globalThis.fetch, timeout = TIMEOUT }: AskOptions,
): Promise<string> {
  const target = new URL(url)
  target.protocol = target.protocol.replace('ws', 'http')
  const signal = AbortSignal.timeout(timeout)
  try {
    const response = await fetch(target, {
      // The server may have refused the handshake because of its Origin, and a GET to the page's own origin has none.
      // OPTIONS to another origin would need a preflight.
      method: target.origin === pageOrigin ? 'OPTIONS' : 'GET',
      redirect: 'manual',
      cache: 'no-store',
      signal,
    })
    if (response.type === 'opaqueredirect') {
      return 'A plain HTTP request to the same address is redirected. WebSocket handshakes do not follow redirects.'
    }
    return describe(response, isWebPage(response) ? undefined : await readStart(response))
  } catch {
    if (signal.aborted)
      return `A plain HTTP request to the same address got no response within ${timeout / 1000} s either.`
    return (
      'The reason is unknown: browsers hide it from pages, and a plain HTTP request from this page failed too. ' +
      'The server may be down or unreachable, have an untrusted certificate, or refuse this page.'
    )
  }
}

const isWebPage = ({ headers }: Response): boolean => headers.get('Content-Type')?.startsWith('text/html') === true

/** @param body the start of it; undefined for a web page, whose source says nothing to a person */
function describe({ status, statusText }: Response, body: string | undefined): string {
  const gets = `A plain HTTP request to the same address gets ${`${status} ${statusText}`.trim()}`
  if (body === undefined) return `${gets} and a web page. Perhaps the path is wrong.`
  const answer = `${gets}${body && `: ${body}`}`
  if (status !== 426) return answer
  return (
    `${answer}\nSo a WebSocket server is there, but the browser hides why the handshake failed. ` +
    'Perhaps no subprotocol matched, or a proxy does not let WebSockets through.'
  )
}

/** Reads the start of the body, on one line. If reading fails, returns the part that arrived. */
async function readStart({ body }: Response): Promise<string> {
  const reader = body?.getReader()
  const decoder = new TextDecoder()
  let text = ''
  try {
    for (let bytes = 0; reader && bytes < MAX_BYTES; ) {
      const { value } = await reader.read()
      if (!value) break
      bytes += value.length
      text += decoder.decode(value.subarray(0, MAX_BYTES), { stream: true })
    }
    await reader?.cancel()
  } catch {
    // The status alone is worth showing.
  }
  const line = text.replace(/\s+/g, ' ').trim()
  return line.length > MAX_CHARACTERS ? `${line.slice(0, MAX_CHARACTERS)}…` : line
}
