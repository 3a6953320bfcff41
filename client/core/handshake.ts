type AskOptions = {
  /** The origin of the page, for example `https://example.org`. */
  pageOrigin: string
  fetch?: typeof fetch
  /** In ms. */
  timeout?: number
}

const TIMEOUT = 5000
/** With credentials, a 401 would open the browser's login dialog. */
const REQUEST = { cache: 'no-store', credentials: 'omit' } as const
/** The statuses of a server that does not implement OPTIONS here (RFC 9110 sections 15.5.6 and 15.6.2). */
const NO_OPTIONS = [405, 501]
const MAX_BYTES = 4096
const MAX_CHARACTERS = 500

/** The start of the server's answer to a query whose faults applied only to earlier connections. */
const USED_UP = 'The faults of this query are used up.'
/** The start of the answer of a server that is in front of a backend. */
const PASSED_ON = 'This server passes WebSockets on to the backend '
/** The server's general explanation of a 426, which may follow a special one. */
const GENERAL = ' This is a WebSocket server. '

/**
 * Sends a plain HTTP request to the address of a failed handshake and describes the response, since browsers hide the
 * response to the handshake itself. If the server does not let this page read its response, a second request finds out
 * whether it answers at all. Never rejects.
 */
export async function askWhy(
  url: string,
  { pageOrigin, fetch = globalThis.fetch, timeout = TIMEOUT }: AskOptions,
): Promise<string> {
  const target = new URL(url)
  target.protocol = target.protocol.replace('ws', 'http')
  const signal = AbortSignal.timeout(timeout)
  const ask = (method: string) => fetch(target, { ...REQUEST, method, redirect: 'manual', signal })

  try {
    // The server may have refused the handshake because of its Origin, and a GET to the page's own origin has none.
    // OPTIONS to another origin would need a preflight.
    let response = await ask(target.origin === pageOrigin ? 'OPTIONS' : 'GET')
    if (NO_OPTIONS.includes(response.status) && target.origin === pageOrigin) {
      await response.body?.cancel()
      response = await ask('GET')
    }
    if (response.type === 'opaqueredirect') {
      return 'A plain HTTP request to the same address is redirected. WebSocket handshakes do not follow redirects.'
    }
    return describe(response, isWebPage(response) ? undefined : await readStart(response))
  } catch {
    if (signal.aborted)
      return `A plain HTTP request to the same address got no response within ${timeout / 1000} s either.`
  }

  try {
    const response = await fetch(target, { ...REQUEST, mode: 'no-cors', signal })
    await response.body?.cancel()
    return (
      'A web server answers at this address, but no WebSocket was opened. The browser hides the answer from this page. ' +
      'Perhaps the path is wrong, or the server refuses this page.'
    )
  } catch {
    return (
      'The reason is unknown: browsers hide it from pages, and a plain HTTP request from this page failed too. ' +
      'Probably nothing answers at this address: the server may be down or unreachable, have an untrusted ' +
      'certificate, or the browser may block the request.'
    )
  }
}

const isWebPage = ({ headers }: Response): boolean => headers.get('Content-Type')?.startsWith('text/html') === true

/** @param body the start of it; undefined for a web page, whose source says nothing to a person */
function describe({ status, statusText, headers }: Response, body: string | undefined): string {
  const gets = `A plain HTTP request to the same address gets ${`${status} ${statusText}`.trim()}`
  const hint = hintFor(status, headers, body)
  const wait = describeWait(headers.get('Retry-After') ?? '')
  const [answer] = body?.split(GENERAL, 1) ?? []
  const says =
    answer === undefined ? ` and a web page.${hint ? '' : ' Perhaps the path is wrong.'}` : answer && `: ${answer}`
  return [gets + says, hint, wait].filter(Boolean).join('\n')
}

/** Returns what a status says about the handshake, if it says more than its name. */
function hintFor(status: number, headers: Headers, body = ''): string | undefined {
  if (status === 401) {
    const schemes = schemesOf(headers.get('WWW-Authenticate') ?? '')
    return `The server asks for credentials${schemes.length > 0 ? ` (${schemes.join(', ')})` : ''}.`
  }
  if (status !== 426) return undefined
  if (body.startsWith(USED_UP)) {
    return 'So this handshake was probably among the first connections, to which "times" limits the faults. The next one has none.'
  }
  if (body.startsWith(PASSED_ON)) return 'The backend probably refused the handshake, or it cannot be reached.'
  return (
    'So a WebSocket server is there, but the browser hides why the handshake failed. ' +
    'Perhaps no subprotocol matched, or a proxy does not let WebSockets through.'
  )
}

/** Returns the schemes of a WWW-Authenticate header (RFC 9110, section 11.6.1). */
function schemesOf(challenges: string): string[] {
  const parts = challenges.replace(/"(?:[^"\\]|\\.)*"/g, '""').split(',')
  // Other parts are parameters of the scheme before them.
  return parts.flatMap(part => /^([^\s=]+)(?: +[^\s=]|$)/.exec(part.trim())?.[1] ?? [])
}

/** Says when a Retry-After header allows to try again (RFC 9110, section 10.2.3), if it is valid. */
function describeWait(retryAfter: string): string {
  if (/^\d+$/.test(retryAfter)) return `Try again in ${retryAfter} s.`
  return retryAfter.endsWith(' GMT') && !Number.isNaN(Date.parse(retryAfter)) ? `Try again after ${retryAfter}.` : ''
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
