import { toHex } from './bytes.ts'

const WRITTEN = Symbol('JSON text')

/** A value that is already JSON text. The symbol tells it from every object that was decoded. */
export type Written = { [WRITTEN]: string }

/**
 * Writes a decoded value as JSON. Values that JSON lacks become objects whose first name begins with `$`: `$bytes` (in
 * hex), `$undefined`, `$number`, `$time`, `$tag`, `$extension`, and `$map` for a map with names that are not strings.
 */
export function toJsonText(value: unknown): string {
  if (typeof value === 'bigint') return String(value)
  if (typeof value === 'number') return Number.isFinite(value) ? JSON.stringify(value) : special('number', `${value}`)
  if (value === undefined) return special('undefined', true)
  if (value === null || typeof value !== 'object') return JSON.stringify(value)
  if (Array.isArray(value)) return `[${value.map(toJsonText).join(',')}]`
  if (value instanceof Uint8Array) return special('bytes', toHex(value))
  if (value instanceof Date) return special('time', value.toISOString())
  if (isWritten(value)) return value[WRITTEN]
  if (!(value instanceof Map)) return writeObject(Object.entries(value))
  const entries = [...value]
  return entries.every(([name]) => typeof name === 'string') ? writeObject(entries) : `{"$map":${toJsonText(entries)}}`
}

/** Writes a tag of CBOR (RFC 8949 section 3.4) or an extension type of MessagePack together with its value. */
export function written(name: 'tag' | 'extension', number: string | number, value: unknown): Written {
  return { [WRITTEN]: `{"$${name}":${number},"value":${toJsonText(value)}}` }
}

const isWritten = (value: object): value is Written => WRITTEN in value

const special = (name: string, value: unknown) => JSON.stringify({ [`$${name}`]: value })

const writeObject = (entries: [string, unknown][]) =>
  `{${entries.map(([name, value]) => `${JSON.stringify(name)}:${toJsonText(value)}`).join(',')}}`
