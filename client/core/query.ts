/** One decoded query parameter. */
export type Parameter = readonly [name: string, value: string]

const split = (address: string): [base: string, query: string] => {
  const [withoutFragment = ''] = address.split('#', 1)
  const at = withoutFragment.indexOf('?')
  return at < 0 ? [withoutFragment, ''] : [withoutFragment.slice(0, at), withoutFragment.slice(at + 1)]
}

const nameOf = (part: string) => [...new URLSearchParams(part).keys()][0] ?? ''

/** Encodes a value, and leaves characters readable that need no escape in a query. */
const encode = (text: string) =>
  encodeURIComponent(text).replace(/%(?:20|2C|3A|2F|40)/g, found => {
    return found === '%20' ? '+' : decodeURIComponent(found)
  })

/** Reads the query of an address, which may be incomplete because the user is still typing. */
export const readQuery = (address: string): Parameter[] => [...new URLSearchParams(split(address)[1])]

/**
 * Replaces parameters in the query of an address, and leaves all others as they were written.
 * @param names parameters to remove, whether or not they get a new value
 */
export function writeQuery(address: string, names: ReadonlySet<string>, parameters: readonly Parameter[]): string {
  const [base, query] = split(address)
  const others = query.split('&').filter(part => part !== '' && !names.has(nameOf(part)))
  const ours = parameters.map(([name, value]) => (value === '' ? name : `${name}=${encode(value)}`))
  const parts = [...others, ...ours]
  return parts.length > 0 ? `${base}?${parts.join('&')}` : base
}

/**
 * Gives one parameter new values in the query of an address.
 * @param names parameters that this one belongs to. They keep their values, and are written in this order.
 */
export function editQuery(address: string, names: readonly string[], edited: string, values: readonly string[]) {
  const others = readQuery(address).filter(([name]) => name !== edited)
  const parameters = names.flatMap(name =>
    name === edited ? values.map(value => [name, value] as const) : others.filter(([other]) => other === name),
  )
  return writeQuery(address, new Set(names), parameters)
}
