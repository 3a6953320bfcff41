import { duration, integer, oneOf, type Parser, size, Unexpected } from '../config/values.ts'
import { printable } from '../log.ts'

const flag: Parser<true> = text => {
  if (text !== '') throw new Unexpected('no value')
  return true
}

const share: Parser<number> = text => {
  const [, digits = '', percent] = /^(\d+(?:\.\d+)?(?:e-\d+)?)(%?)$/.exec(text) ?? []
  const value = Number(digits || Number.NaN) / (percent ? 100 : 1)
  if (!(value <= 1)) throw new Unexpected('a share from 0 to 1, such as 0.1 or 10%')
  return value
}

const betweenPings = duration('10ms', '24h')
const interval: Parser<number> = text => (text === '0' ? 0 : betweenPings(text))

/** Parses a close code that an endpoint may send (RFC 6455, section 7.4). */
export const closeCode: Parser<number> = text => {
  const code = /^\d{4}$/.test(text) ? Number(text) : 0
  if (code < 1000 || (code > 1003 && code < 1007) || (code > 1014 && code < 3000) || code > 4999) {
    throw new Unexpected('a close code: 1000 to 1003, 1007 to 1014 or 3000 to 4999')
  }
  return code
}

export const reason: Parser<string> = text => {
  if (Buffer.byteLength(text) > 123) throw new Unexpected('at most 123 bytes')
  return text
}

/** The moment of a fault: after this many messages, or this many milliseconds after the connection opened. */
const after: Parser<{ messages?: number; milliseconds?: number }> = text => {
  const isCount = /^\d+$/.test(text)
  try {
    return isCount ? { messages: integer(0, 1_000_000)(text) } : { milliseconds: duration('0', '1h')(text) }
  } catch {
    throw new Unexpected('messages from 0 to 1000000, such as 5, or a duration from 0s to 1h, such as 2s')
  }
}

/** The parameters of a query. Durations are in milliseconds, sizes in bytes. */
const parameters = {
  delay: duration('0', '5m'),
  jitter: duration('0', '5m'),
  loss: share,
  repeat: integer(1, 1000),
  fragment: size('1', '1GiB'),
  rate: size('1', '1GiB'),
  tick: duration('10ms', '1h'),
  ping: interval,
  pings: oneOf('ignore'),
  close: closeCode,
  reason,
  drop: oneOf('fin', 'rst'),
  stall: flag,
  corrupt: oneOf('utf8', 'rsv', 'opcode', 'mask', 'length', 'close-code'),
  after,
  reject: integer(400, 599),
  handshake: oneOf('wrong-accept', 'wrong-subprotocol'),
  'handshake-delay': duration('0', '5m'),
  hello: flag,
  subprotocol: String,
  seed: integer(0, 2 ** 32 - 1),
} satisfies Record<string, Parser<unknown>>

type Name = keyof typeof parameters

/** The names of all parameters. */
export const names = Object.keys(parameters) as Name[]

const ALL = names.join(', ')

/** Parameters as text, as in a query. */
export type Written = Partial<Record<Name, string>>

/** The faults of one connection, by parameter. Those that were not requested are missing. */
export type Faults = { [N in Name]?: ReturnType<(typeof parameters)[N]> }

/** The message has one line for each invalid parameter, with its name, its value and what is allowed. */
export class FaultsError extends Error {}

const EXCLUSIVE = ['close', 'drop', 'stall', 'corrupt', 'reject'] as const
const POSTPONABLE = ['close', 'drop', 'stall', 'corrupt'] as const

// The answer must not be much longer than the query, so it names only this many problems.
const MAX_PROBLEMS = 10

// Only this many parameters are read, because thousands would block the event loop for tens of milliseconds.
const MAX_PARAMETERS = 256

const isName = (name: string): name is Name => Object.hasOwn(parameters, name)

/**
 * Parses a query.
 * @param defaults apply to each name that is missing from the query, unless the query rules them out
 * @returns the faults, if any; whether the query contains any of our parameters, without which it is left alone; and
 *   its names without duplicates
 * @throws {FaultsError} naming every invalid parameter
 */
export function parseFaults(query: string, defaults: Written = {}) {
  const inherited = new Map(Object.entries(defaults))
  const parts = query.split('&', MAX_PARAMETERS + 1)
  const requested = new URLSearchParams(parts.slice(0, MAX_PARAMETERS).join('&'))
  const names = [...new Set(requested.keys())]
  const mentionsFaults = names.some(isName)
  if (!mentionsFaults) return { faults: inherited.size > 0 ? parse(inherited) : undefined, mentionsFaults, names }

  if (parts.length > MAX_PARAMETERS) throw new FaultsError(`The query has more than ${MAX_PARAMETERS} parameters`)
  for (const name of names) {
    inherited.delete(name)
    if (EXCLUSIVE.some(exclusive => exclusive === name)) for (const other of EXCLUSIVE) inherited.delete(other)
  }
  const has = (name: string) => requested.has(name) || inherited.has(name)
  if (!has('close')) inherited.delete('reason')
  if (!POSTPONABLE.some(has)) inherited.delete('after')
  return { faults: parse([...inherited, ...requested]), mentionsFaults, names }
}

/** @throws {FaultsError} */
function parse(entries: Iterable<[name: string, value: string]>): Faults {
  const faults: Record<string, unknown> = {}
  const seen = new Set<string>()
  const problems: string[] = []
  let more = 0
  const report = (problem: string) => void (problems.length < MAX_PROBLEMS ? problems.push(problem) : more++)
  const unexpected = (name: string, value: string, expected: string) =>
    `"${printable(value === '' ? name : `${name}=${value}`)}": expected ${expected}`

  for (const [name, value] of entries) {
    if (!isName(name)) report(unexpected(name, value, `one of ${ALL}`))
    else if (seen.has(name)) report(`${name} is given more than once`)
    else {
      try {
        faults[name] = parameters[name](value)
      } catch (error) {
        if (!(error instanceof Unexpected)) throw error
        report(unexpected(name, value, error.message))
      }
    }
    seen.add(name)
  }

  const exclusive = EXCLUSIVE.filter(name => seen.has(name))
  if (exclusive.length > 1) problems.push(`${exclusive.join(', ')}: use only one of ${EXCLUSIVE.join(', ')}`)
  if (seen.has('after') && !POSTPONABLE.some(name => seen.has(name))) {
    problems.push(`after needs one of ${POSTPONABLE.join(', ')}`)
  }
  if (seen.has('reason') && !seen.has('close')) problems.push('reason needs close')

  if (more > 0) problems.push(`and ${more} more`)
  if (problems.length > 0) throw new FaultsError(problems.join('\n'))
  return faults
}
