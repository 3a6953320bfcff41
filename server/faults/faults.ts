import type { Parameter } from './parameter.ts'

type Requested = { parameter: Parameter; value: unknown; texts: readonly string[] }

/** The faults of one connection. */
export class Faults {
  private readonly requested: ReadonlyMap<string, Requested>

  constructor(requested: Iterable<Requested>) {
    this.requested = new Map(Array.from(requested, one => [one.parameter.name, one]))
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
    return texts.map(text => (text === '' ? name : `${name}=${text}`)).join('&')
  }

  [Symbol.iterator](): Iterator<Requested> {
    return this.requested.values()
  }
}
