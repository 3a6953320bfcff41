import { type Faults, hasBody, merge, openingOf, parseFaults, queryOf, textOf, type Written } from './parameters.ts'

/** The parts of a client's handshake on which the answer depends. */
export type Client = {
  /** Its offer of permessage-deflate. */
  offer: string | undefined
  subprotocols: string | undefined
  /** Its `Authorization` header. */
  authorization: string | undefined
}

/** The answer to a handshake. */
export type Answer = {
  status: number
  outcome: 'accepted' | 'asked' | 'query'
  /** The values of headers that it must have. */
  headers: Record<string, (string | RegExp)[]>
  /** The whole body, or a part of it if the handshake is invalid. */
  body: string
  /** The fault that took effect, as the journal shows it. */
  triggered: string | undefined
}

/** A handshake and everything that the server makes of it. */
export type Handshake = {
  faults: Faults
  answer: Answer
  /** The faults that take effect when the connection opens. */
  opening: string[]
  /** What the log must say about its faults. */
  logged: { faults: string | undefined; usedUp: string | undefined }
}

/** Headers without which an answer with this status is invalid (RFC 9110, section 15). */
const REQUIRED: Record<number, Record<string, string[]>> = {
  401: { 'www-authenticate': ['Basic realm="echo", charset="UTF-8"'] },
  405: { allow: ['GET'] },
  407: { 'proxy-authenticate': ['Basic realm="echo", charset="UTF-8"'] },
  426: { upgrade: ['websocket'], connection: ['Upgrade, close'] },
}

const COMMON = { connection: ['close'], 'access-control-allow-origin': ['*'] }

/** Returns the values of the headers that `header` adds. */
export function addedBy({ header = [] }: Faults): Record<string, string[]> {
  const added: Record<string, string[]> = {}
  for (const field of header) {
    const [name = '', value = ''] = field.split(/:\s*(.*)/s)
    added[name.toLowerCase()] = [...(added[name.toLowerCase()] ?? []), value]
  }
  return added
}

/** Returns why credentials are not those that a fault asks for. */
function refusalOf({ scheme, credentials }: NonNullable<Faults['auth']>, header: string | undefined) {
  if (header === undefined) return 'the request has no Authorization header'
  const [given = '', text] = header.split(' ')
  if (given.toLowerCase() !== scheme.toLowerCase()) return `the Authorization header does not use ${scheme}`
  return text === credentials ? undefined : 'the credentials are wrong'
}

/** Returns why a query is invalid together with its defaults. */
function problemOf(asked: Written, merged: Written): string | undefined {
  const isEmpty = Object.keys(merged).every(name => ['times', 'key', 'test-id'].includes(name))
  return asked.times !== undefined && isEmpty ? 'times needs a fault' : undefined
}

function answerOf(written: Written, faults: Faults, client: Client): Answer {
  const invalid = (body: string): Answer => ({
    status: 400,
    outcome: 'query',
    headers: COMMON,
    body,
    triggered: undefined,
  })
  const refused = (name: keyof typeof written, status: number, headers: Answer['headers'], body: string): Answer => ({
    status,
    outcome: 'asked',
    headers: { ...COMMON, ...headers, ...addedBy(faults) },
    body: hasBody(status) ? `${body}\n` : '',
    triggered: textOf(name, written[name] ?? ''),
  })
  const { auth, redirect, reject, subprotocol, compress } = faults
  const why = auth && refusalOf(auth, client.authorization)
  if (auth && why) {
    const scheme = auth.scheme.toLowerCase()
    const challenge = `${auth.scheme} realm="echo"${auth.scheme === 'Basic' ? ', charset="UTF-8"' : ''}`
    const body = `Refused with 401 because of auth=${scheme}: ${why}`
    return refused('auth', 401, { 'www-authenticate': [challenge] }, body)
  }
  if (redirect) {
    const { location = '' } = faults
    const body = `Redirected with ${redirect} to ${location} because of redirect=${redirect}`
    return refused('redirect', redirect, { location: [location] }, body)
  }
  if (reject) {
    const wait = faults['retry-after']
    const headers = { ...REQUIRED[reject], ...(wait && { 'retry-after': [wait] }) }
    return refused('reject', reject, headers, faults.body ?? `Refused with ${reject} because of reject=${reject}`)
  }
  if (subprotocol && !client.subprotocols?.split(', ').includes(subprotocol))
    return invalid(`subprotocol=${subprotocol}:`)
  if (compress === 'takeover') {
    if (client.offer === undefined) return invalid('compress=takeover: the client does not offer permessage-deflate')
    if (client.offer.split(',').every(offer => offer.includes('server_no_context_takeover'))) {
      return invalid(`compress=takeover: the client's offer does not allow it: ${client.offer}`)
    }
  }
  return { status: 101, outcome: 'accepted', headers: {}, body: '', triggered: undefined }
}

/**
 * Returns the results of consecutive handshakes with the same query, which use up default faults and `times`.
 * @param defaults a list of default faults, each with its `times`
 * @param problem what the answer says about the query, if it is invalid
 */
export function planOf(
  asked: Written,
  defaults: Written[],
  count: number,
  client: Client,
  problem: string | undefined,
): Handshake[] {
  const used = defaults.map(() => 0)
  let counted = 0
  const query = queryOf(asked)
  return Array.from({ length: count }, () => {
    const at = defaults.findIndex(({ times }, i) => {
      const stays = i === defaults.length - 1 ? Number.POSITIVE_INFINITY : 1
      return (used[i] ?? 0) < (times === undefined ? stays : Number(times))
    })
    const { times: _, ...inherited } = defaults[at] ?? {}
    const merged = merge(asked, inherited)
    const isUsedUp = merged.times !== undefined && counted >= Number(merged.times)
    const written = isUsedUp ? inherited : merged
    const faults = parseFaults(written)
    const invalid = problem ?? problemOf(asked, merged)
    const answer: Answer =
      invalid === undefined
        ? answerOf(written, faults, client)
        : { status: 400, outcome: 'query', headers: COMMON, body: invalid, triggered: undefined }
    if (answer.outcome !== 'query') {
      if (at >= 0) used[at] = (used[at] ?? 0) + 1
      if (merged.times !== undefined && !isUsedUp) counted++
    }
    const isAsked = Object.keys(asked).some(name => name !== 'test-id') && !isUsedUp
    const isFaulty = Object.keys(written).length > 0
    return {
      faults,
      answer,
      opening: openingOf(written),
      logged: { faults: isFaulty ? (isAsked ? query : 'by default') : undefined, usedUp: isUsedUp ? query : undefined },
    }
  })
}

/** A response, as it arrived. The names of its headers are in lower case. */
export type Head = { status: number; headers: Record<string, string[]> }

export function parseHead(text: string): Head {
  const [start = '', ...lines] = text.split('\r\n')
  const headers: Record<string, string[]> = {}
  for (const line of lines) {
    const [, name = '', value = ''] = /^([^:]+):\s*(.*)$/.exec(line) ?? []
    headers[name.toLowerCase()] = [...(headers[name.toLowerCase()] ?? []), value]
  }
  return { status: Number(/^HTTP\/1\.1 (\d{3}) /.exec(start)?.[1]), headers }
}

/** @throws if a response lacks a header that it must have */
export function checkHeaders({ headers }: Head, expected: Answer['headers']): void {
  for (const [name, values] of Object.entries(expected)) {
    const got = headers[name] ?? []
    const isRight =
      got.length === values.length &&
      values.every((value, i) => (typeof value === 'string' ? got[i] === value : value.test(got[i] ?? '')))
    if (!isRight) throw new Error(`header ${name}: expected ${values.join(' | ')}, got ${got.join(' | ')}`)
  }
}

/** @throws if a refusal differs from the expected one */
export function checkRefusal(head: Head, body: Buffer, { headers, body: expected, outcome, status }: Answer): void {
  checkHeaders(head, headers)
  const text = body.toString()
  const isRight = outcome === 'query' ? text.includes(expected) : text === expected
  if (!isRight) throw new Error(`body: expected ${JSON.stringify(expected)}, got ${JSON.stringify(text)}`)
  const length = status === 204 || status === 304 ? undefined : [String(body.length)]
  if (String(head.headers['content-length']) !== String(length)) {
    throw new Error(`Content-Length: ${head.headers['content-length']}, but ${body.length} bytes came`)
  }
}
