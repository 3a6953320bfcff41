import type { Parameter } from './parameter.ts'

type Requested = { parameter: Parameter; value: unknown; texts: readonly string[] }

/** Goes before the names of faults for messages from the client. */
export const UP = 'up-'

/** The faults of one connection. */
export class Faults {
  /** What goes before the names as they were written. */
  readonly prefix: string
  private readonly requested: ReadonlyMap<string, Requested>

  constructor(requested: Iterable<Requested>, prefix = '') {
    this.requested = new Map(Array.from(requested, one => [one.parameter.name, one]))
    this.prefix = prefix
  }

  /** The faults for messages from the client, under the names that they have without a prefix. */
  get up(): Faults | undefined {
    const all = [...this]
    if (!all.some(({ parameter }) => parameter.base)) return undefined
    const up = all.flatMap(({ parameter, ...rest }) =>
      parameter.base || parameter.isForBoth ? [{ ...rest, parameter: parameter.base ?? parameter }] : [],
    )
    return new Faults(up, UP)
  }

  /** Returns the value of a parameter if it was requested. */
  get<T, Each>({ name }: Parameter<T, Each>): T | undefined {
    return this.requested.get(name)?.value as T | undefined
  }

  has(name: string): boolean {
    return this.requested.has(name)
  }

  /** Returns a parameter as it was written. */
  textOf({ name }: Pick<Parameter, 'name'>): string {
    const texts = this.requested.get(name)?.texts ?? []
    const written = this.prefix + name
    return texts.map(text => (text === '' ? written : `${written}=${text}`)).join('&')
  }

  [Symbol.iterator](): Iterator<Requested> {
    return this.requested.values()
  }
}
