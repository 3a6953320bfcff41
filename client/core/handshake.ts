type AskOptions = {
  /** Of the page that asks, such as `https://example.org`. */
  pageOrigin: string
  fetch?: typeof fetch
  /** ms. */
  timeout?: number
}

const TIMEOUT = 5000
const MOST_BYTES = 4096
const MOST_CHARACTERS = 500

/**
 * Asks the address of a failed handshake over HTTP, and gives the answer in words. Of the handshake itself a browser
 * tells a page nothing. Never rejects.
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
      // A GET to the page's own origin carries no Origin, which may be why the handshake was refused. To another
      // origin OPTIONS would need leave first.
      method: target.origin === pageOrigin ? 'OPTIONS' : 'GET',
      redirect: 'manual',
      cache: 'no-store',
      signal,
    })
    if (response.type === 'opaqueredirect') {
      return "The same address answers a plain request with a redirect, which a handshake doesn't follow."
    }
    return describe(response, await readStart(response))
  } catch {
    if (signal.aborted) return `The same address didn't answer a plain request within ${timeout / 1000} s either.`
    return (
      "Why can't be known: a browser doesn't tell a page, and this server doesn't let itself be asked. " +
      "It may be down, out of reach, have a certificate that isn't trusted, or refuse this page."
    )
  }
}

function describe({ status, statusText }: Response, body: string): string {
  const answer = `The same address answers ${`${status} ${statusText}`.trim()}${body && `: ${body}`}`
  if (status !== 426) return answer
  return (
    `${answer}\nSo a server is there. Only the browser knows why the handshake failed: ` +
    "no subprotocol in common, perhaps, or a proxy that doesn't let WebSockets pass."
  )
}

/** The start of the body on one line, or what came of it before it failed. */
async function readStart({ body }: Response): Promise<string> {
  const reader = body?.getReader()
  const decoder = new TextDecoder()
  let text = ''
  try {
    for (let bytes = 0; reader && bytes < MOST_BYTES; ) {
      const { value } = await reader.read()
      if (!value) break
      bytes += value.length
      text += decoder.decode(value.subarray(0, MOST_BYTES), { stream: true })
    }
    await reader?.cancel()
  } catch {
    // The status alone tells something.
  }
  const line = text.replace(/\s+/g, ' ').trim()
  return line.length > MOST_CHARACTERS ? `${line.slice(0, MOST_CHARACTERS)}…` : line
}
