import type { ConnectionEvent } from './connection.ts'
import { separated } from './count.ts'
import type { LogKind } from './log-filter.ts'
import { createShown, indexIn, type ShownOptions } from './log-shown.ts'
import { literal, type SearchPattern } from './search-pattern.ts'

export { type LogKind, logKinds } from './log-filter.ts'

export type LogEntry = {
  /** Increases by one with each entry. */
  readonly id: number
  /** In ms since the epoch. */
  readonly at: number
  readonly event: ConnectionEvent
}

/** The entries of a log, and those that pass its filter. It removes the oldest entries when it is full. */
export type LogStore = {
  /** Entries are added in place, but removing any creates a new array. The same is true of `shown`. */
  readonly entries: readonly LogEntry[]
  /** The entries that pass the filter. */
  readonly shown: readonly LogEntry[]
  readonly isFiltered: boolean
  /** Finds every hit of the search in a text; `undefined` without a search, or if hits are hidden. */
  readonly pattern: RegExp | undefined
  /** How many entries have been removed since the log was last cleared. */
  readonly removed: number
  /** Whether the filter has not tested all entries yet. `onChange` reports its progress. */
  readonly isSearching: boolean
  /** Why a search was stopped, in one sentence, or an empty string. The log then shows all lines of its kind. */
  readonly problem: string
  /** Adds an entry and returns its id. `at` is in ms since the epoch. */
  add(event: ConnectionEvent, at?: number): number
  /** Removes an entry that a newer one makes superfluous. */
  remove(id: number): void
  /**
   * Searches for a text, or for a pattern from `readSearch`. A text is found case-insensitively in text messages, and
   * as its bytes in UTF-8 or as bytes in hex in binary messages.
   */
  filter(kind: LogKind, search: string | SearchPattern | undefined): void
  /** Puts entries before all others; their ids must be lower. `missing` lines before them are gone. */
  prepend(earlier: readonly LogEntry[], missing: number): void
  /** Removes all entries. Returns a function that puts them back, before those that were added since. */
  clear(): () => void
  /** Returns the index in `shown` of an entry, or of the next entry after it. */
  indexOf(id: number): number
  /** Calls `listener` at every change. Returns a function that stops this. */
  onChange(listener: () => void): () => void
}

type LogOptions = Partial<Omit<ShownOptions, 'onProgress'>> & {
  /** The maximum number of entries. */
  limit?: number
  /** The maximum memory of all messages in bytes. The newest entry is kept whatever its size. */
  byteLimit?: number
}

/** Removing this share at a time keeps the cost per entry low. */
const REMOVED_SHARE = 0.1

/** Creates an empty log without a filter. */
export function createLogStore({
  limit = 100_000,
  byteLimit = 64 * 1024 * 1024,
  now = () => performance.now(),
  schedule = task => setTimeout(task, 0),
}: LogOptions = {}): LogStore {
  let entries: LogEntry[] = []
  let removed = 0
  let bytes = 0
  let nextId = 0
  const { changed, onChange } = createListeners()
  const shown = createShown({ onProgress: changed, now, schedule })
  shown.replaced(entries)

  function removeOldest() {
    const share = 1 - REMOVED_SHARE
    const [count, left] = findSurplus(entries, bytes, limit * share, byteLimit * share)
    bytes = left
    // A new array, so that a view that is still drawing the old one is not disturbed.
    entries = entries.slice(count)
    shown.removed(entries, count)
    removed += count
  }

  const isFull = () => entries.length > limit || bytes > byteLimit

  function prepend(earlier: readonly LogEntry[], missing: number) {
    entries = [...earlier, ...entries]
    removed += missing
    for (const { event } of earlier) bytes += memoryOf(event)
    shown.replaced(entries)
    if (isFull()) removeOldest()
    changed()
  }

  return {
    get entries() {
      return entries
    },
    get shown() {
      return shown.entries
    },
    get isFiltered() {
      return shown.entries !== entries
    },
    get pattern() {
      return shown.pattern
    },
    get removed() {
      return removed
    },
    get isSearching() {
      return shown.isSearching
    },
    get problem() {
      return shown.problem
    },

    add(event, at = Date.now()) {
      const id = nextId++
      entries.push({ id, at, event })
      shown.added(entries)
      bytes += memoryOf(event)
      if (isFull()) removeOldest()
      changed()
      return id
    },

    remove(id) {
      const at = indexIn(entries, id)
      const entry = entries[at]
      if (entry?.id !== id) return
      bytes -= memoryOf(entry.event)
      entries = entries.toSpliced(at, 1)
      shown.without(entries, at, id)
      changed()
    },

    filter(kind, search) {
      shown.filter(entries, kind, typeof search === 'string' ? (search === '' ? undefined : literal(search)) : search)
      changed()
    },

    clear() {
      const cleared = { entries, removed }
      entries = []
      removed = 0
      bytes = 0
      shown.replaced(entries)
      changed()
      return () => prepend(cleared.entries, cleared.removed)
    },

    prepend,

    indexOf: id => indexIn(shown.entries, id),

    onChange,
  }
}

function createListeners() {
  const listeners = new Set<() => void>()
  return {
    changed() {
      for (const listener of listeners) listener()
    },
    onChange(listener: () => void) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
  }
}

/** Says how many lines of a log are shown, for example `3 of 120`. */
export const describeShown = ({ shown, entries }: LogStore): string =>
  `${separated(shown.length)} of ${separated(entries.length)}`

/** Returns how many of the oldest entries to remove for the rest to be within these limits, and the rest's memory. */
function findSurplus(entries: LogEntry[], bytes: number, mostEntries: number, mostBytes: number) {
  let count = 0
  let left = bytes
  for (const { event } of entries) {
    const kept = entries.length - count
    if (kept === 1 || (kept <= mostEntries && left <= mostBytes)) break
    left -= memoryOf(event)
    count++
  }
  return [count, left] as const
}

/** Estimates memory in bytes: browsers keep a character in at most two, and counting UTF-8 would be slow. */
function memoryOf(event: ConnectionEvent): number {
  if (!('message' in event)) return 0
  return typeof event.message === 'string' ? event.message.length * 2 : event.message.length
}
