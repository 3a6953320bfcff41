import { Unexpected } from '../config/values.ts'
import { printable } from '../log.ts'
import { Faults, UP } from './faults.ts'
import type { FaultSettings, Parameter } from './parameter.ts'
import { after } from './parameters/after.ts'
import { auth } from './parameters/auth.ts'
import { body } from './parameters/body.ts'
import { close } from './parameters/close.ts'
import { closeDelay } from './parameters/close-delay.ts'
import { closeReply } from './parameters/close-reply.ts'
import { compress } from './parameters/compress.ts'
import { corrupt } from './parameters/corrupt.ts'
import { delay } from './parameters/delay.ts'
import { drop } from './parameters/drop.ts'
import { fragment } from './parameters/fragment.ts'
import { handshake } from './parameters/handshake.ts'
import { handshakeDelay } from './parameters/handshake-delay.ts'
import { header } from './parameters/header.ts'
import { hello } from './parameters/hello.ts'
import { jitter } from './parameters/jitter.ts'
import { key } from './parameters/key.ts'
import { location } from './parameters/location.ts'
import { loss } from './parameters/loss.ts'
import { message } from './parameters/message.ts'
import { ping } from './parameters/ping.ts'
import { pings } from './parameters/pings.ts'
import { rate } from './parameters/rate.ts'
import { readRate } from './parameters/read-rate.ts'
import { reason } from './parameters/reason.ts'
import { redirect } from './parameters/redirect.ts'
import { reject } from './parameters/reject.ts'
import { repeat } from './parameters/repeat.ts'
import { retryAfter } from './parameters/retry-after.ts'
import { seed } from './parameters/seed.ts'
import { slice } from './parameters/slice.ts'
import { stall } from './parameters/stall.ts'
import { subprotocol } from './parameters/subprotocol.ts'
import { testId } from './parameters/test-id.ts'
import { tick } from './parameters/tick.ts'
import { times } from './parameters/times.ts'

const declared = [
  ...[delay, jitter, loss, repeat, fragment, slice, rate, readRate, seed],
  ...[hello, message, tick, ping, pings],
  ...[close, reason, drop, stall, corrupt, after],
  ...[closeDelay, closeReply],
  ...[auth, redirect, location, reject, retryAfter, body, header],
  ...[handshake, handshakeDelay, subprotocol, compress],
  ...[times, key, testId],
] as unknown as readonly Parameter[]

/** Returns a parameter as it is for messages from the client. Its effects are those of its base. */
function upOf(base: Parameter): Parameter[] {
  const { label, hint, example, parse, values, needs, isEnding, up } = base
  if (!up) return []
  const shared = { label, hint, example, parse, ...(values && { values }), ...(isEnding && { isEnding }) }
  const upNeeds = needs && { needs: needs.filter(name => takesUp.has(name)).map(name => UP + name) }
  return [{ ...shared, ...upNeeds, ...up, name: UP + base.name, group: 'up', recorded: 'never', base }]
}

const takesUp = new Set(declared.filter(({ up }) => up).map(({ name }) => name))

/** All parameters, in the order of the reference and of the form, in which they also take effect. */
export const parameters: readonly Parameter[] = [...declared, ...declared.flatMap(upOf)]

const byName = new Map(parameters.map(parameter => [parameter.name, parameter]))
/**
 * A connection can have one parameter of each list: of those that end it, in each direction, and of those that limit how
 * fast the client is read.
 */
const exclusive = [
  ...[false, true].map(isUp =>
    parameters.filter(({ base, isEnding }) => isEnding && (base !== undefined) === isUp).map(({ name }) => name),
  ),
  [readRate.name, UP + rate.name],
]
const ALL = [...byName.keys()].join(', ')

/** Parameters as text, as in a query. One that may be given more than once has a list. */
export type Written = Record<string, string | string[]>

// The answer must not be much longer than the query, so it names only this many problems.
export const MAX_PROBLEMS = 10

/** The message has one line for each invalid parameter, with its name, its value and what is allowed. */
export class FaultsError extends Error {
  constructor(...problems: string[]) {
    const more = problems.length - MAX_PROBLEMS
    super([...problems.slice(0, MAX_PROBLEMS), ...(more > 0 ? [`and ${more} more`] : [])].join('\n'))
  }
}

// Only this many parameters are read, because thousands would block the event loop for tens of milliseconds.
const MAX_PARAMETERS = 256

/** Returns the names of all parameters of which a connection can have only one, if this is one of them. */
const rivalsOf = (name: string) => exclusive.find(names => names.includes(name)) ?? []

/** Splits a query that a backend reads, too, into the parameters that ask for faults, and the rest. Both stay as they are. */
export function splitQuery(query: string): { own: string; rest: string } {
  const isOwn = (part: string) => byName.has(part.split('=', 1)[0] as string)
  const { own = [], rest = [] } = Object.groupBy(query.split('&'), part => (isOwn(part) ? 'own' : 'rest'))
  return { own: own.join('&'), rest: rest.join('&') }
}

/** Says what was expected in place of a parameter. */
export const unexpected = (name: string, text: string, expected: string): string =>
  `"${printable(text === '' ? name : `${name}=${text}`)}": expected ${expected}`

/**
 * Parses a query.
 * @param defaults apply to each name that is missing from the query, unless the query rules them out
 * @returns the faults, if any; whether the query itself asks for any, without which it is left alone; and its names
 *   without duplicates, except `test-id`
 * @throws {FaultsError} naming every invalid parameter
 */
export function parseFaults(query: string, defaults: Written, settings: FaultSettings) {
  const inherited = new Map(Object.entries(defaults))
  const parts = query.split('&', MAX_PARAMETERS + 1)
  const requested = new URLSearchParams(parts.slice(0, MAX_PARAMETERS).join('&'))
  // The name of a test asks for nothing.
  const names = [...new Set(requested.keys())].filter(name => name !== testId.name)
  const mentionsFaults = names.some(name => byName.has(name))
  if (!mentionsFaults)
    return { faults: inherited.size > 0 ? parse(inherited, settings) : undefined, mentionsFaults, names }

  if (parts.length > MAX_PARAMETERS) throw new FaultsError(`The query has more than ${MAX_PARAMETERS} parameters`)
  for (const name of names) {
    inherited.delete(name)
    for (const rival of rivalsOf(name)) inherited.delete(rival)
  }
  for (const name of inherited.keys()) {
    const { needs } = byName.get(name) ?? {}
    if (needs && !needs.some(needed => requested.has(needed) || inherited.has(needed))) inherited.delete(name)
  }
  return { faults: parse([...inherited, ...requested], settings, inherited), mentionsFaults, names }
}

/**
 * @param optional the parameters that are left out if they do not go together with the others
 * @throws {FaultsError}
 */
function parse(
  entries: Iterable<[name: string, texts: string | string[]]>,
  settings: FaultSettings,
  optional: ReadonlyMap<string, unknown> = new Map(),
): Faults {
  const written = new Map<string, string[]>()
  for (const [name, texts] of entries) written.set(name, (written.get(name) ?? []).concat(texts))
  const problems: string[] = []

  const read = (name: string, { parse, most }: Parameter, texts: readonly string[]): unknown => {
    if (texts.length > (most ?? 1)) {
      problems.push(`${name} is given more than ${most === undefined ? 'once' : `${most} times`}`)
      return undefined
    }
    const values = texts.map(text => {
      try {
        return parse(text)
      } catch (error) {
        if (!(error instanceof Unexpected)) throw error
        return void problems.push(unexpected(name, text, error.message))
      }
    })
    return most === undefined ? values[0] : values
  }

  for (const [name, texts] of written) {
    if (!byName.has(name)) problems.push(...texts.map(text => unexpected(name, text, `one of ${ALL}`)))
  }
  // In the order of the declarations, in which they take effect.
  const faults = new Faults(
    parameters.flatMap(parameter => {
      const texts = written.get(parameter.name)
      return texts ? [{ parameter, texts, value: read(parameter.name, parameter, texts) }] : []
    }),
  )

  for (const names of exclusive) {
    const rivals = names.filter(name => faults.has(name))
    if (rivals.length > 1) problems.push(`${rivals.join(', ')}: use only one of ${names.join(', ')}`)
  }
  for (const { parameter } of faults) {
    const { name, needs } = parameter
    if (needs && !needs.some(needed => faults.has(needed))) {
      problems.push(`${name} needs ${needs.length > 1 ? `one of ${needs.join(', ')}` : needs[0]}`)
    }
  }
  if (faults.has(times.name) && [...faults].every(({ parameter }) => parameter.group === 'sequence')) {
    problems.push('times needs a fault')
  }
  const unfit = new Set<Parameter>()
  if (problems.length === 0) {
    for (const { parameter, value } of faults) {
      const problem = parameter.check?.(value, faults, settings)
      if (problem === undefined) continue
      if (optional.has(parameter.name)) unfit.add(parameter)
      else problems.push(problem)
    }
  }
  if (problems.length > 0) throw new FaultsError(...problems)
  return unfit.size > 0 ? new Faults([...faults].filter(({ parameter }) => !unfit.has(parameter))) : faults
}
