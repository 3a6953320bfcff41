import { separated } from './count.ts'
import type { RepeatOptions } from './repeat.ts'

/** The fields of the form, as they were typed. */
export type RepeatFields = { count: string; seconds: string; inFlight: string }

/** The form that repeats a message, as a tab keeps it. */
export type RepeatSettings = RepeatFields & { isAtConnect: boolean }

const MAX_COUNT = 1_000_000
const MAX_SECONDS = 86_400
const MAX_IN_FLIGHT = 10_000

/** The form as the page begins with it. */
const DEFAULTS: RepeatSettings = { count: '', seconds: '1', inFlight: '0', isAtConnect: false }

/**
 * Reads the fields of the form. An empty count means until it is stopped. A problem names the field and the allowed
 * range.
 */
export function checkRepeat(fields: RepeatFields): RepeatOptions | { field: keyof RepeatFields; problem: string } {
  const count = readNumber(fields.count, 1, MAX_COUNT) ?? Number.NaN
  const seconds = readNumber(fields.seconds, 0, MAX_SECONDS, 3)
  const inFlight = readNumber(fields.inFlight, 0, MAX_IN_FLIGHT)
  if (fields.count.trim() !== '' && Number.isNaN(count))
    return { field: 'count', problem: `Type a whole number from 1 to ${separated(MAX_COUNT)}, or nothing.` }
  if (seconds === undefined)
    return { field: 'seconds', problem: `Type seconds from 0 to ${separated(MAX_SECONDS)}, for example 0.5.` }
  if (inFlight === undefined)
    return { field: 'inFlight', problem: `Type a whole number from 0 to ${separated(MAX_IN_FLIGHT)}.` }
  return { count: Number.isNaN(count) ? Number.POSITIVE_INFINITY : count, interval: seconds * 1000, inFlight }
}

/** Reads stored settings. What is missing or invalid gets its default. */
export function parseRepeatSettings(json: unknown): RepeatSettings {
  const stored = (json ?? {}) as Partial<Record<keyof RepeatSettings, unknown>>
  const text = (name: keyof RepeatFields) => {
    const value = stored[name]
    return typeof value === 'string' ? value : DEFAULTS[name]
  }
  return {
    count: text('count'),
    seconds: text('seconds'),
    inFlight: text('inFlight'),
    isAtConnect: stored.isAtConnect === true,
  }
}

/** Whether the form is as the page begins with it. */
export const isDefault = (settings: RepeatSettings): boolean =>
  (Object.keys(DEFAULTS) as (keyof RepeatSettings)[]).every(name => settings[name] === DEFAULTS[name])

/** Reads a number with at most this many decimals, or returns `undefined`. */
function readNumber(typed: string, least: number, most: number, decimals = 0): number | undefined {
  const value = typed.trim()
  const number = Number(value)
  const pattern = decimals > 0 ? new RegExp(`^\\d+(?:\\.\\d{1,${decimals}})?$`) : /^\d+$/
  return pattern.test(value) && number >= least && number <= most ? number : undefined
}
