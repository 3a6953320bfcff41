import { withoutCredentials } from './address.ts'
import { isFormat, type Setup } from './link.ts'
import type { SavedMessage } from './saved-messages.ts'
import { checkVariable, type Variable } from './variables.ts'

/** The contents of a file that takes the work of one browser to another. */
export type SessionFile = {
  /** With their repeat settings. */
  tabs: Setup[]
  savedMessages: SavedMessage[]
  /** The recent addresses, the newest first. */
  addresses: string[]
  variables: Variable[]
}

const FORMAT = 'websocket-echo-sessions'
const VERSION = 1

/** Returns the fault of a value as a sentence that begins with its place in the file, or `undefined`. */
type Check = (value: unknown, place: string) => string | undefined

const text: Check = (value, place) =>
  typeof value === 'string' ? undefined : `${place} must be a text, but is ${show(value)}.`

const yesOrNo: Check = (value, place) =>
  typeof value === 'boolean' ? undefined : `${place} must be true or false, but is ${show(value)}.`

const format: Check = (value, place) =>
  isFormat(value) ? undefined : `${place} must be "text", "json", "hex" or "base64", but is ${show(value)}.`

const name: Check = (value, place) => text(value, place) ?? (value === '' ? `${place} is empty.` : undefined)

const variable: Check = (value, place) => {
  const fault = fields({ name, value: text }, { path: text })(value, place)
  const problem = fault ? undefined : checkVariable(value as Variable)
  return fault ?? (problem && `${place}: ${problem}`)
}

const setup = fields(
  { url: text, protocols: text, format, message: text },
  {
    closeCode: text,
    closeReason: text,
    reconnect: text,
    repeat: fields({ count: text, seconds: text, inFlight: text, isAtConnect: yesOrNo }, {}),
  },
)

const file = fields(
  {
    format: (value, place) => (value === FORMAT ? undefined : `${place} must be "${FORMAT}", but is ${show(value)}.`),
    version: (value, place) =>
      value === VERSION ? undefined : `${place} is ${show(value)}, but this page reads only version ${VERSION}.`,
    tabs: list(setup, 50),
    savedMessages: list(fields({ name, format, text }, { server: name }), 100),
    addresses: list(name, 20),
    variables: list(variable, 100),
  },
  {},
)

/** Writes a file as indented JSON. User names and passwords in addresses are left out. */
export function writeSessionFile({ tabs, savedMessages, addresses, variables }: SessionFile): string {
  const contents = {
    format: FORMAT,
    version: VERSION,
    tabs: tabs.map(tab => ({ ...tab, url: withoutCredentials(tab.url) })),
    savedMessages,
    addresses: addresses.map(withoutCredentials),
    variables,
  }
  return `${JSON.stringify(contents, null, 2)}\n`
}

/** Reads a file. A problem is one sentence that names the place and what belongs there. */
export function readSessionFile(json: string): SessionFile | { problem: string } {
  let contents: unknown
  try {
    contents = JSON.parse(json)
  } catch (error) {
    return { problem: `The file is not JSON: ${(error as Error).message.replace(/\s+/g, ' ')}` }
  }
  // A file of another kind lacks everything, and its kind is the one fault worth naming.
  if (typeof contents !== 'object' || contents === null || !('format' in contents) || contents.format !== FORMAT) {
    return { problem: 'The file was not exported by this page.' }
  }
  const problem = file(contents, '')
  if (problem) return { problem: `The file has an error. ${problem}` }
  const { tabs, savedMessages, addresses, variables } = contents as unknown as SessionFile
  return { tabs, savedMessages, addresses: addresses.map(withoutCredentials), variables }
}

/** Checks an object that must have some fields, may have others, and has no more. */
function fields(required: Record<string, Check>, optional: Record<string, Check>): Check {
  return (value, place) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      return `${place} must be an object, but is ${show(value)}.`
    }
    const object = value as Record<string, unknown>
    const at = (field: string) => (place ? `${place}.${field}` : field)
    const missing = Object.keys(required).find(field => !Object.hasOwn(object, field))
    if (missing) return `${at(missing)} is missing.`
    // The version explains an unknown field better than its name does.
    const checks = { ...required, ...optional }
    for (const [field, check] of Object.entries(checks)) {
      const fault = Object.hasOwn(object, field) ? check(object[field], at(field)) : undefined
      if (fault) return fault
    }
    const unknown = Object.keys(object).find(field => !Object.hasOwn(checks, field))
    return unknown === undefined ? undefined : `${at(unknown)} is not known.`
  }
}

function list(check: Check, most: number): Check {
  return (value, place) => {
    if (!Array.isArray(value)) return `${place} must be a list, but is ${show(value)}.`
    if (value.length > most) return `${place} has ${value.length} entries, but at most ${most} are possible.`
    for (const [i, item] of value.entries()) {
      const fault = check(item, `${place}[${i}]`)
      if (fault) return fault
    }
    return undefined
  }
}

function show(value: unknown): string {
  const json = JSON.stringify(value) ?? 'missing'
  return json.length > 40 ? `${json.slice(0, 40)}…` : json
}
