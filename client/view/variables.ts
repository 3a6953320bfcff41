import type { LogEntry, LogStore } from '../core/log-store.ts'
import { createStored } from '../core/stored.ts'
import { createVariables, parseVariables, type Scope, type Variables } from '../core/variables.ts'
import { openStorage } from './storage.ts'

/** A text as it is sent. `note` names what was replaced, `warning` what is no variable; both may be empty. */
export type Replaced = { text: string; note: string; warning: string } | { problem: string }

/** The variables, with the values that they have in one tab. */
export type TabVariables = Pick<Variables, 'list' | 'set' | 'remove'> & {
  /** Replaces the variables in a text that is sent now. Each call counts. */
  replace(text: string): Replaced
  /** Returns how a text would be sent now. */
  preview(text: string): Replaced
  currentValue: Scope['currentValue']
  /** Calls `listener` when a value may have changed, at most twice a second. */
  onChange(listener: () => void): void
  changed(): void
}

/** Older lines of the log are not searched for values. */
const MAX_SEARCHED = 10_000
/** ms between reports of new values. */
const PAUSE = 500

/** All tabs have the same variables, also where the browser does not keep them. */
export const storedVariables = createStored(openStorage('localStorage'), 'websocket-echo-variables', parseVariables)
const shared = createVariables(storedVariables)

/** Creates the variables of a tab. Loaded on demand, with the first message that may have one. */
export function createTabVariables(log: LogStore): TabVariables {
  const { list, set, remove, createScope } = shared
  const scope = createScope()
  const listeners: (() => void)[] = []
  let searched = -1
  let paths = ''
  let timer: ReturnType<typeof setTimeout> | undefined

  /** Takes values from the replies that have arrived since. */
  function update() {
    const wanted = list().flatMap(({ path }) => path ?? [])
    if (wanted.join('\n') !== paths) searched = -1
    paths = wanted.join('\n')
    if (paths === '') return
    const { entries } = log
    const isNew = (entry: LogEntry | undefined) => entry !== undefined && entry.id > searched
    let from = entries.length
    while (isNew(entries[from - 1]) && entries.length - from < MAX_SEARCHED) from--
    for (const { event } of entries.slice(from)) if (event.type === 'received') scope.received(event.message)
    searched = entries.at(-1)?.id ?? searched
  }

  function apply(text: string, expand: Scope['expand']): Replaced {
    update()
    const { replaced, empty, unknown } = scope.uses(text)
    const [first] = empty
    if (first) return { problem: `{{${first.name}}} has no value yet: no reply in the log has ${first.path}.` }
    return { text: expand(text).text, note: describeReplaced(replaced), warning: describeUnknown(unknown) }
  }

  function changed() {
    for (const listener of listeners) listener()
  }

  log.onChange(() => {
    if (timer !== undefined || paths === '') return
    timer = setTimeout(() => {
      timer = undefined
      changed()
    }, PAUSE)
  })

  return {
    list,
    set,
    remove,
    changed,
    replace: text => apply(text, scope.expand),
    preview: text => apply(text, scope.preview),
    onChange: listener => void listeners.push(listener),

    currentValue(variable) {
      update()
      return scope.currentValue(variable)
    },
  }
}

const names = new Intl.ListFormat('en')

const describeReplaced = (replaced: string[]) => (replaced.length > 0 ? `Replaces ${names.format(replaced)}` : '')

function describeUnknown(unknown: string[]): string {
  if (unknown.length === 0) return ''
  const listed = names.format(unknown.map(name => `{{${name}}}`))
  return unknown.length === 1
    ? `${listed} is not a variable, and is sent as typed.`
    : `${listed} are not variables, and are sent as typed.`
}
