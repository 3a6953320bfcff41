/** The message says what was expected. */
export class Unexpected extends Error {}

/** Parses text that a person wrote. @throws {Unexpected} */
export type Parser<T> = (text: string) => T

const SIZES = { '': 1, B: 1, KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30 }
const DURATIONS = { '': 1, ms: 1, s: 1000, m: 60_000, h: 3_600_000 }

function read(text: string, units: Record<string, number>): number {
  const [, digits, unit = ''] = /^(\d+)([a-zA-Z]*)$/.exec(text) ?? []
  return Number(digits) * (units[unit] ?? Number.NaN)
}

const quantity =
  (kind: string, units: Record<string, number>, least: string, most: string, examples = ''): Parser<number> =>
  text => {
    const value = read(text, units)
    if (value >= read(least, units) && value <= read(most, units)) return value
    throw new Unexpected(`${kind} from ${least} to ${most}${examples}`)
  }

/** Parses decimal digits. */
export const integer = (least: number, most: number): Parser<number> =>
  quantity('an integer', { '': 1 }, String(least), String(most))

/** Parses a size. Returns bytes. */
export const size = (least: string, most: string): Parser<number> =>
  quantity('a size', SIZES, least, most, ', such as 65536, 64KiB or 16MiB')

/** Parses a duration. Returns milliseconds. */
export const duration = (least: string, most: string): Parser<number> =>
  quantity('a duration', DURATIONS, least, most, ', such as 500ms or 30s')

/** Accepts a text of at most this many bytes of UTF-8. */
export const text =
  (most: number): Parser<string> =>
  text => {
    if (Buffer.byteLength(text) <= most) return text
    throw new Unexpected(`at most ${most % 1024 === 0 ? `${most / 1024} KiB` : `${most} bytes`}`)
  }

/**
 * Says in other words what a parser expects.
 * @param inWords is given the parser's own words
 */
export const rephrase =
  <T>(parse: Parser<T>, inWords: (expected: string) => string): Parser<T> =>
  text => {
    try {
      return parse(text)
    } catch (error) {
      if (error instanceof Unexpected) throw new Unexpected(inWords(error.message))
      throw error
    }
  }

/** Accepts exactly these values. */
export const oneOf =
  <T extends string>(...values: T[]): Parser<T> =>
  text => {
    const value = values.find(value => value === text)
    if (value === undefined) throw new Unexpected(values.length > 1 ? `one of ${values.join(', ')}` : `${values[0]}`)
    return value
  }
