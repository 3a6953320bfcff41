import type { createRandom } from './random.ts'

/** The start of each text that `message` sends, which no other message has. */
export const GREETING = '\u{1F44B} '

// Values for each fault, mostly at its limits: as written in the query, and as parsed. Durations are in milliseconds.
const ONCE = {
  delay: { 0: 0, '1ms': 1, '20ms': 20 },
  jitter: { 0: 0, '1ms': 1, '20ms': 20 },
  loss: { 0: 0, '0.5': 0.5, '50%': 0.5, 1: 1 },
  repeat: { 1: 1, 2: 2, 1000: 1000 },
  fragment: { 1: 1, 2: 2, 125: 125, '1GiB': 2 ** 30 },
  rate: { 1: 1, 1000: 1000, '64KiB': 65_536, '1GiB': 2 ** 30 },
  slice: { 1: 1, 3: 3, 1000: 1000, 65535: 65_535 },
  'read-rate': { 1: 1, 1000: 1000, '64KiB': 65_536, '1GiB': 2 ** 30 },
  seed: { 0: 0, 42: 42, 4294967295: 2 ** 32 - 1 },
  tick: { '10ms': 10, '1h': 3_600_000 },
  hello: { '': true },
  ping: { 0: 0, '10ms': 10, '24h': 86_400_000 },
  pings: { ignore: 'ignore' },
  close: { 1000: 1000, 1011: 1011, 4999: 4999 },
  reason: { '': '', 'for now': 'for now', [`${'ä'.repeat(61)}x`]: `${'ä'.repeat(61)}x` },
  drop: { fin: 'fin', rst: 'rst' },
  stall: { '': true },
  corrupt: {
    utf8: 'utf8',
    rsv: 'rsv',
    opcode: 'opcode',
    mask: 'mask',
    length: 'length',
    continuation: 'continuation',
    'text-in-fragment': 'text-in-fragment',
    unfinished: 'unfinished',
    deflate: 'deflate',
    ping: 'ping',
    'fragmented-ping': 'fragmented-ping',
    'close-code': 'close-code',
    'close-1': 'close-1',
    'close-utf8': 'close-utf8',
    header: 'header',
  },
  after: {
    0: { messages: 0 },
    1: { messages: 1 },
    3: { messages: 3 },
    1000000: { messages: 1e6 },
    '0s': { milliseconds: 0 },
    '20ms': { milliseconds: 20 },
    '1h': { milliseconds: 3_600_000 },
  },
  'close-delay': { 0: 0, '1ms': 1, '20ms': 20 },
  'close-reply': { none: 'none', 1000: 1000, 1011: 1011, 4001: 4001 },
  auth: {
    'basic:user:password': { scheme: 'Basic', credentials: btoa('user:password') },
    'basic:Ω::': { scheme: 'Basic', credentials: Buffer.from('Ω::').toString('base64') },
    'bearer:t0k.en==': { scheme: 'Bearer', credentials: 't0k.en==' },
  },
  redirect: { 301: 301, 302: 302, 303: 303, 307: 307, 308: 308 },
  location: {
    '/raw': '/raw',
    '/x?close=1000&after=1': '/x?close=1000&after=1',
    'wss://echo.test/': 'wss://echo.test/',
  },
  reject: {
    200: 200,
    204: 204,
    205: 205,
    304: 304,
    400: 400,
    401: 401,
    405: 405,
    407: 407,
    426: 426,
    429: 429,
    599: 599,
  },
  'retry-after': { '0s': /^0$/, '5s': /^5$/, '24h': /^86400$/, 'date:5s': /^\w{3}, \d\d \w{3} \d{4} [\d:]{8} GMT$/ },
  body: { '': '', later: 'later', 'two\nlines': 'two\nlines', ['ä'.repeat(512)]: 'ä'.repeat(512) },
  handshake: { 'wrong-accept': 'wrong-accept', 'wrong-subprotocol': 'wrong-subprotocol' },
  'handshake-delay': { 0: 0, '1ms': 1, '20ms': 20 },
  subprotocol: { '': '', chat: 'chat', absent: 'absent' },
  compress: { off: 'off', takeover: 'takeover' },
  times: { 1: 1, 2: 2, 1000000: 1e6 },
  'up-delay': { 0: 0, '1ms': 1, '20ms': 20 },
  'up-jitter': { 0: 0, '1ms': 1, '20ms': 20 },
  'up-loss': { 0: 0, '0.5': 0.5, '50%': 0.5, 1: 1 },
  'up-rate': { 1: 1, 1000: 1000, '64KiB': 65_536, '1GiB': 2 ** 30 },
} as const

// Values for each fault that may be given more than once.
const REPEATABLE = {
  message: [GREETING, `${GREETING}naïve`, `${GREETING}${'w'.repeat(1500)}`],
  header: ['X-A:1', 'x-a: two', 'X-Empty:', 'Set-Cookie:a=1; Path=/', 'Set-Cookie:b=2', 'www-authenticate:Other'],
} as const

type Once = typeof ONCE
type OnceName = keyof Once
type RepeatableName = keyof typeof REPEATABLE
type Name = OnceName | RepeatableName
type ValueOf<V> = V extends { messages: number } | { milliseconds: number }
  ? { messages?: number; milliseconds?: number }
  : V

/** Faults as text. */
export type Written = { [N in OnceName | 'key' | 'test-id']?: string } & { [N in RepeatableName]?: string[] }

/** The parsed faults of a connection. */
export type Faults = { [N in OnceName]?: ValueOf<Once[N][keyof Once[N]]> } & { [N in RepeatableName]?: string[] }

const EXCLUSIVE: OnceName[] = ['close', 'drop', 'stall', 'corrupt', 'redirect', 'reject']
/** A connection can have one fault of each list. */
const RIVALS: OnceName[][] = [EXCLUSIVE, ['read-rate', 'up-rate']]
const rivalsOf = (name: Name) => RIVALS.find(names => names.includes(name as OnceName)) ?? []
const POSTPONABLE: OnceName[] = ['close', 'drop', 'stall', 'corrupt']

/** The parameters that mean nothing without one of these others. */
const NEEDS: { [N in OnceName]?: OnceName[] } = {
  reason: ['close'],
  after: POSTPONABLE,
  location: ['redirect'],
  'retry-after': ['reject'],
  body: ['reject'],
}

/** The parameters that the journal names when a connection opens. */
const STRIKES_AT_OPENING: Name[] = [
  ...(['delay', 'jitter', 'repeat', 'fragment', 'slice', 'rate', 'read-rate'] as const),
  ...(['hello', 'message', 'tick', 'ping', 'pings'] as const),
  ...(['header', 'handshake', 'subprotocol', 'compress'] as const),
  ...(['up-delay', 'up-jitter', 'up-rate'] as const),
]

/** The faults to choose from. Common ones are listed more than once. */
const DRAWN: Name[] = [
  ...(['delay', 'jitter', 'loss', 'repeat', 'fragment', 'rate', 'slice', 'read-rate', 'tick', 'hello'] as const),
  ...(['ping', 'pings', 'delay', 'repeat', 'fragment', 'close', 'drop', 'stall', 'corrupt', 'corrupt'] as const),
  ...(['close', 'drop', 'corrupt', 'close-delay', 'close-delay', 'close-reply', 'close-reply', 'message'] as const),
  ...(['message', 'compress', 'compress', 'header', 'header', 'handshake-delay', 'subprotocol', 'handshake'] as const),
  ...(['reject', 'redirect', 'auth', 'times', 'up-delay', 'up-jitter', 'up-loss', 'up-rate'] as const),
]

/** Faults that leave little to test, because the handshake is refused. */
const RARE: Name[] = ['handshake', 'reject', 'redirect']

/** Returns whether an answer with this status has a body (RFC 9110, sections 15.3.5, 15.3.6 and 15.4.5). */
export const hasBody = (status: number): boolean => ![204, 205, 304].includes(status)

/** Merges the faults in the query with the default faults by the documented rules. */
export function merge({ 'test-id': _, ...asked }: Written, defaults: Written): Written {
  const names = Object.keys(asked) as OnceName[]
  if (names.length === 0) return defaults
  const inherited = { ...defaults }
  for (const name of names.flatMap(rivalsOf)) delete inherited[name]
  const merged = { ...inherited, ...asked }
  for (const [name, needed] of Object.entries(NEEDS)) {
    if (!needed.some(other => merged[other] !== undefined)) delete merged[name as OnceName]
  }
  // The rest must not make a valid query invalid.
  if (asked.corrupt === 'header') delete merged.after
  if (asked.reject !== undefined && !hasBody(Number(asked.reject))) delete merged.body
  return merged
}

export const parseFaults = (written: Written): Faults =>
  Object.fromEntries(
    Object.entries(written).map(([name, value]) => {
      const values: Record<string, unknown> | undefined = ONCE[name as OnceName]
      return [name, typeof value === 'string' ? values?.[value] : value]
    }),
  )

/** Returns a parameter as the journal shows it. */
export const textOf = (name: string, value: string | readonly string[]): string =>
  [value]
    .flat()
    .map(text => (text === '' ? name : `${name}=${text}`))
    .join('&')

/** Returns the parameters that the journal names when a connection opens. */
export const openingOf = (written: Written): string[] =>
  STRIKES_AT_OPENING.flatMap(name => {
    const value = written[name]
    return value === undefined ? [] : [textOf(name, value)]
  })

/** Writes faults as a query; empty if there are none. */
export const queryOf = (written: Written): string =>
  Object.entries(written)
    .flatMap(([name, value]) => [value].flat().map(text => textOf(name, encodeURIComponent(text))))
    .join('&')

/** Generates faults. `times` is only for a query, where it has a meaning of its own. */
export function drawFaults({ below, oneIn, oneOf }: ReturnType<typeof createRandom>, count: number): Written {
  const written: Written = {}
  const addOnce = (name: OnceName) => {
    written[name] = oneOf(Object.keys(ONCE[name]))
  }
  const add = (name: Name) => {
    if (name === 'message' || name === 'header') {
      const values = REPEATABLE[name]
      written[name] = Array.from({ length: 1 + below(3) }, () => oneOf<string>(values))
    } else {
      addOnce(name)
    }
  }
  for (let i = 0; i < count; i++) {
    const name = oneOf(DRAWN)
    const isTaken = rivalsOf(name).some(other => written[other] !== undefined)
    if (!isTaken && (!RARE.includes(name) || oneIn(3))) add(name)
  }
  if (POSTPONABLE.some(name => written[name] !== undefined) && written.corrupt !== 'header' && !oneIn(4)) add('after')
  if (written.close !== undefined && oneIn(2)) add('reason')
  if (written.message !== undefined && oneIn(4)) add('tick')
  if (written.redirect !== undefined) add('location')
  if (written.reject !== undefined && oneIn(2)) add('retry-after')
  if (written.reject !== undefined && hasBody(Number(written.reject)) && oneIn(2)) add('body')
  // With them, nobody knows which messages were lost before an end.
  if (written['up-delay'] !== undefined || written['up-jitter'] !== undefined) delete written.loss
  if (written.loss !== undefined || written['up-loss'] !== undefined || oneIn(4)) add('seed')
  return written
}

/** Queries that must be refused, each with what the answer says. */
export const INVALID: [Written & { unknown?: string }, string][] = [
  [{ close: '999' }, '"close=999": expected a close code'],
  [{ delay: '1ms', unknown: '1' }, '"unknown=1": expected one of'],
  [{ header: ['Content-Length:5'] }, 'which Content-Length is not'],
  [{ redirect: '307' }, 'redirect needs location'],
  [{ redirect: '307', location: '//other.test' }, 'expected a path such as /raw'],
  [{ redirect: '307', location: 'wss://other.test/' }, 'REDIRECT_HOSTS does not list the host other.test'],
  [{ reject: '101' }, '"reject=101": expected'],
  [{ reject: '205', body: 'x' }, 'body does not go with reject=205'],
  [{ reject: '503', 'retry-after': '1ms' }, 'expected whole seconds'],
  [{ reject: '503', close: '1000' }, 'use only one of'],
  [{ corrupt: 'header', after: '0' }, 'after does not go with corrupt=header'],
  [{ auth: 'digest:user' }, 'expected basic:user:password or bearer:token'],
  [{ message: Array<string>(17).fill('x') }, 'message is given more than 16 times'],
  [{ 'close-reply': '1005' }, 'expected none, or a close code'],
  [{ delay: '1ms', times: '0' }, '"times=0": expected'],
  [{ delay: '1ms', key: 'x' }, 'key needs times'],
  [{ 'read-rate': '1', 'up-rate': '1' }, 'read-rate, up-rate: use only one of'],
  [{ times: '1', 'test-id': 'x'.repeat(129) }, 'expected 1 to 128 characters'],
]
