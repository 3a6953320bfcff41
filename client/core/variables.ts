import { mayHaveJson } from './json.ts'
import { readPath, valueAt } from './json-path.ts'
import type { Message } from './message.ts'
import type { Kept, Stored } from './stored.ts'

/** A variable that messages may contain as `{{name}}`. */
export type Variable = {
  name: string
  value: string
  /** Takes the value from the newest reply that has one at this path (see `readPath`), instead of `value`. */
  path?: string
}

/** The variables of the user, shared by all tabs. */
export type Variables = {
  list(): Variable[]
  /** Adds a variable, or replaces the one with the same name. A wrong name or path is a problem. */
  set(variable: Variable): { kept: Kept } | { problem: string }
  remove(name: string): Kept
  /** Creates a scope for one tab, with a counter and values from replies of its own. */
  createScope(): Scope
}

/** A text with its variables replaced, and the names of those that have no value and were left as they are. */
export type Expanded = { text: string; missing: string[] }

/** The names that get a value, the variables that have no value yet, and the names that are no variables. */
export type Uses = { replaced: string[]; empty: Variable[]; unknown: string[] }

export type Scope = {
  /**
   * Replaces the variables in a text. All uses in one text have the same value, including `{{uuid}}`, `{{timestamp}}`
   * (ms since the epoch) and `{{counter}}` (from 1 on). A backslash before a variable keeps it: `\{{uuid}}`.
   */
  expand(text: string): Expanded
  /** Returns what `expand` would return next, without counting. */
  preview(text: string): Expanded
  /** Sorts the variables in a text by what happens to them when it is sent. */
  uses(text: string): Uses
  /** Returns the value of a variable, or `undefined` if no reply had it. */
  currentValue(variable: Variable): string | undefined
  /** Call this for each message received. */
  received(message: Message): void
}

const MAX_VARIABLES = 100
/** Longer replies are not searched for values, because that happens for every reply. In characters. */
const MAX_REPLY = 64 * 1024
const NAME = /^[\p{L}_][\p{L}\p{N}_-]*$/u
const USE = /(\\?)\{\{\s*([\p{L}_][\p{L}\p{N}_-]*)\s*\}\}/gu
const BUILT_IN = ['uuid', 'timestamp', 'counter']

/** Reads the stored variables and skips invalid entries. */
export function parseVariables(json: unknown): Variable[] {
  return Array.isArray(json) ? json.filter(isVariable).slice(0, MAX_VARIABLES) : []
}

/** Returns one sentence that says why a variable is invalid, or `undefined`. */
export function checkVariable({ name, path }: Variable): string | undefined {
  if (BUILT_IN.includes(name)) return `"${name}" is a built-in variable. Choose another name.`
  if (!NAME.test(name)) return 'A name begins with a letter and has only letters, digits, "_" and "-".'
  const steps = path === undefined ? [] : readPath(path)
  return 'problem' in steps ? steps.problem : undefined
}

/** Creates the variables on top of the stored ones. `now` returns the time in ms since the epoch. */
export function createVariables(stored: Stored<Variable[]>, now: () => number = Date.now): Variables {
  // Storage is read only when the user acts, and not for each reply.
  let variables = stored.get()

  function change(next: Variable[]): Kept {
    variables = next
    return stored.set(next)
  }

  return {
    list() {
      variables = stored.get()
      return variables
    },

    set(variable) {
      const others = stored.get().filter(({ name }) => name !== variable.name)
      const isFull = others.length >= MAX_VARIABLES
      const problem = checkVariable(variable) ?? (isFull && `At most ${MAX_VARIABLES} variables are possible.`)
      return problem ? { problem } : { kept: change([...others, variable]) }
    },

    remove: name => change(stored.get().filter(variable => variable.name !== name)),

    createScope() {
      const taken = new Map<string, string>()
      let counter = 0

      const find = (name: string) => variables.find(variable => variable.name === name)
      const currentValue = ({ value, path }: Variable) => (path === undefined ? value : taken.get(path))

      function lookUp(name: string): string | undefined {
        if (name === 'uuid') return createUuid()
        if (name === 'timestamp') return String(now())
        if (name === 'counter') return String(counter + 1)
        const variable = find(name)
        return variable && currentValue(variable)
      }

      function preview(text: string): Expanded {
        if (!text.includes('{{')) return { text, missing: [] }
        variables = stored.get()
        const values = new Map<string, string | undefined>()
        const expanded = text.replace(USE, (use: string, backslash: string, name: string) => {
          const isKnown = BUILT_IN.includes(name) || find(name) !== undefined
          if (backslash) return isKnown ? use.slice(1) : use
          if (!values.has(name)) values.set(name, lookUp(name))
          return values.get(name) ?? use
        })
        return { text: expanded, missing: [...values.keys()].filter(name => values.get(name) === undefined) }
      }

      return {
        preview,
        currentValue,

        expand(text) {
          const expanded = preview(text)
          if (namesIn(text).includes('counter')) counter++
          return expanded
        },

        uses(text) {
          variables = stored.get()
          const uses: Uses = { replaced: [], empty: [], unknown: [] }
          for (const name of namesIn(text)) {
            const variable = find(name)
            if (variable && currentValue(variable) === undefined) uses.empty.push(variable)
            else (variable || BUILT_IN.includes(name) ? uses.replaced : uses.unknown).push(name)
          }
          return uses
        },

        received(message) {
          if (typeof message !== 'string' || message.length > MAX_REPLY || !mayHaveJson(message)) return
          for (const { path } of variables) {
            const steps = path === undefined ? undefined : readPath(path)
            const value = steps && !('problem' in steps) ? valueAt(message, steps) : undefined
            if (path !== undefined && value !== undefined) taken.set(path, value)
          }
        },
      }
    },
  }
}

/** Returns the names in a text that have no backslash before them, each once. */
const namesIn = (text: string): string[] => [
  ...new Set(Array.from(text.matchAll(USE)).flatMap(([, backslash, name = '']) => (backslash ? [] : name))),
]

function isVariable(json: unknown): json is Variable {
  if (typeof json !== 'object' || json === null) return false
  const { name, value, path } = json as Record<keyof Variable, unknown>
  if (typeof name !== 'string' || typeof value !== 'string') return false
  return (path === undefined || typeof path === 'string') && checkVariable(json as Variable) === undefined
}

/** Returns a random UUID (RFC 9562 section 5.4). `crypto.randomUUID` exists only on pages that use HTTPS or localhost. */
function createUuid(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16))
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x40
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80
  const hex = Array.from(bytes, byte => byte.toString(16).padStart(2, '0')).join('')
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-')
}
