import { withoutCredentials } from './address.ts'

/** The handshake as this stack's server received it, from the first message of a connection with `?hello`. */
export type Hello = {
  /** In the order in which they arrived. */
  headers: [name: string, value: string][]
  /** Everything else, for example the path and the address of the client. */
  facts: [name: string, value: string][]
}

/** In ms. */
const TIMEOUT = 5000

/**
 * Asks this stack's server how a handshake to it looks, with a connection of its own that ends at once. The query is
 * left out, because its faults could prevent the answer. If that handshake fails, a second one has the query, because a
 * backend may need it. Never rejects; another server gives a problem.
 */
export function askHello(
  address: string,
  protocols: string[],
  Socket: new (url: string, protocols: string[]) => WebSocket = WebSocket,
  timeout: number = TIMEOUT,
): Promise<Hello | { problem: string }> {
  const url = new URL(address)
  const query = url.search.slice(1)

  function ask(search: string): Promise<Hello | { problem: string }> {
    const { promise, resolve } = Promise.withResolvers<Hello | { problem: string }>()
    url.search = search
    const socket = new Socket(url.href, protocols)
    const where = withoutCredentials(url.href)
    let hasEnded = false

    function end(result: Hello | { problem: string } | Promise<Hello | { problem: string }>) {
      hasEnded = true
      clearTimeout(timer)
      resolve(result)
      socket.close()
    }

    const timer = setTimeout(
      () => end({ problem: `No message came from ${where} within ${timeout / 1000} s.` }),
      timeout,
    )
    socket.addEventListener('message', ({ data }) => end(readHello(data) ?? { problem: NOT_THIS_STACK }))
    socket.addEventListener('close', () => {
      if (hasEnded) return
      const isLast = query === '' || search !== 'hello'
      end(isLast ? { problem: `The handshake with ${where} failed.` } : ask(`hello&${query}`))
    })
    return promise
  }

  return ask('hello')
}

const NOT_THIS_STACK =
  "The server's first message does not describe the handshake. Only this stack's server knows ?hello."

/** Reads the message, or returns `undefined` if it is something else. */
export function readHello(data: unknown): Hello | undefined {
  try {
    const { headers, ...facts } = JSON.parse(String(data))
    if (!Array.isArray(headers)) return undefined
    return {
      headers: headers.map(([name, value]: unknown[]) => [String(name), String(value)]),
      facts: Object.entries(facts).flatMap(([name, value]) => factsOf(name, value)),
    }
  } catch {
    return undefined
  }
}

/** Puts a field into words: `remoteAddress` into "remote address", and each part of an object into a fact of its own. */
function factsOf(field: string, value: unknown): Hello['facts'] {
  const name = field.replace(/[A-Z]/g, letter => ` ${letter.toLowerCase()}`)
  if (value === null || value === '') return [[name, 'none']]
  if (Array.isArray(value)) return [[name, value.map(pair => pair.join(': ')).join('\n')]]
  if (typeof value !== 'object') return [[name, String(value)]]
  return Object.entries(value as object).flatMap(([part, inner]) => factsOf(`${name} ${part}`, inner))
}
