import { byteLength, toBase64 } from './bytes.ts'
import type { ConnectionEvent } from './connection.ts'
import { describeEvent } from './line.ts'
import type { Message } from './message.ts'

export type LogEntry = {
  /** Increases by one with each entry. */
  readonly id: number
  /** In ms since the epoch. */
  readonly at: number
  readonly event: ConnectionEvent
}

export const logKinds = ['all', 'messages', 'sent', 'received', 'events'] as const
export type LogKind = (typeof logKinds)[number]

/** The entries of a log, and those that pass its filter. It removes the oldest entries when it is full. */
export type LogStore = {
  /** Entries are added in place, but removing any creates a new array. The same is true of `shown`. */
  readonly entries: readonly LogEntry[]
  /** The entries that pass the filter. */
  readonly shown: readonly LogEntry[]
  readonly isFiltered: boolean
  /** Finds every hit of the search in a text; `undefined` without a search. */
  readonly pattern: RegExp | undefined
  /** How many entries have been removed since the log was last cleared. */
  readonly removed: number
  /** `at` is in ms since the epoch. */
  add(event: ConnectionEvent, at?: number): void
  /** Searches text case-insensitively, and binary messages for the UTF-8 bytes of `text` or for its bytes in hex. */
  filter(kind: LogKind, text: string): void
  /** Removes all entries. Returns a function that puts them back before those added since. */
  clear(): () => void
  /** Returns the index in `shown` of an entry, or of the next entry after it. */
  indexOf(id: number): number
  /** Returns the whole log, ignoring the filter, with one JSON object per line (NDJSON). */
  toNdjson(): Blob
  /** Calls `listener` at every change. Returns a function that stops this. */
  onChange(listener: () => void): () => void
}

type LogLimits = {
  /** The maximum number of entries. */
  limit?: number
  /** The maximum memory of all messages in bytes. The newest entry is kept whatever its size. */
  byteLimit?: number
}

/** Removing this share at a time keeps the cost per entry low. */
const REMOVED_SHARE = 0.1

/** Creates an empty log without a filter. */
export function createLogStore({ limit = 100_000, byteLimit = 64 * 1024 * 1024 }: LogLimits = {}): LogStore {
  let entries: LogEntry[] = []
  let shown = entries
  let passes: ((event: ConnectionEvent) => boolean) | undefined
  let pattern: RegExp | undefined
  let removed = 0
  let bytes = 0
  let nextId = 0
  const listeners = new Set<() => void>()

  function changed() {
    for (const listener of listeners) listener()
  }

  function removeOldest() {
    let count = 0
    const mostEntries = limit * (1 - REMOVED_SHARE)
    const mostBytes = byteLimit * (1 - REMOVED_SHARE)
    for (const { event } of entries) {
      const left = entries.length - count
      if (left === 1 || (left <= mostEntries && bytes <= mostBytes)) break
      bytes -= memoryOf(event)
      count++
    }
    // New arrays, so that a view that is still drawing the old ones is not disturbed.
    const isFiltered = shown !== entries
    shown = shown.slice(indexOf(entries[count]?.id ?? nextId))
    entries = isFiltered ? entries.slice(count) : shown
    removed += count
  }

  function replace(next: LogEntry[], nextRemoved: number, nextBytes: number) {
    entries = next
    shown = passes ? entries.filter(({ event }) => passes?.(event)) : entries
    removed = nextRemoved
    bytes = nextBytes
    if (entries.length > limit || bytes > byteLimit) removeOldest()
    changed()
  }

  function indexOf(id: number): number {
    let low = 0
    let high = shown.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((shown[middle]?.id ?? id) < id) low = middle + 1
      else high = middle
    }
    return low
  }

  return {
    get entries() {
      return entries
    },
    get shown() {
      return shown
    },
    get isFiltered() {
      return passes !== undefined
    },
    get pattern() {
      return pattern
    },
    get removed() {
      return removed
    },

    add(event, at = Date.now()) {
      const entry = { id: nextId++, at, event }
      entries.push(entry)
      if (shown !== entries && passes?.(event)) shown.push(entry)
      bytes += memoryOf(event)
      if (entries.length > limit || bytes > byteLimit) removeOldest()
      changed()
    },

    filter(kind, text) {
      pattern = text === '' ? undefined : patternOf(text)
      passes = createFilter(kind, text)
      shown = passes ? entries.filter(({ event }) => passes?.(event)) : entries
      changed()
    },

    clear() {
      const cleared = { entries, removed, bytes }
      replace([], 0, 0)
      return () => replace([...cleared.entries, ...entries], cleared.removed + removed, cleared.bytes + bytes)
    },

    indexOf,
    toNdjson: () => new Blob(entries.map(toJson), { type: 'application/x-ndjson' }),

    onChange(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
  }
}

/** Estimates memory in bytes: browsers keep a character in at most two, and counting UTF-8 would be slow. */
function memoryOf(event: ConnectionEvent): number {
  if (!('message' in event)) return 0
  return typeof event.message === 'string' ? event.message.length * 2 : event.message.length
}

function createFilter(kind: LogKind, text: string): ((event: ConnectionEvent) => boolean) | undefined {
  if (kind === 'all' && text === '') return undefined

  const isOfKind = (event: ConnectionEvent) => {
    if (kind === 'all') return true
    const isMessage = 'message' in event
    return kind === 'messages' ? isMessage : kind === 'events' ? !isMessage : event.type === kind
  }
  if (text === '') return isOfKind

  const pattern = patternOf(text, 'iu')
  const needles = [new TextEncoder().encode(text), hexIn(text)]
  const contains = (message: Message) =>
    typeof message === 'string' ? pattern.test(message) : needles.some(needle => includes(message, needle))

  return event =>
    isOfKind(event) && ('message' in event ? contains(event.message) : pattern.test(describeEvent(event).text))
}

/** Unlike lower-casing, a pattern does not copy the message. */
const patternOf = (text: string, flags = 'giu') => new RegExp(text.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&'), flags)

/** Returns the complete bytes of a hex text, or no bytes if it is not hex. */
function hexIn(text: string): Uint8Array {
  const digits = text.replace(/\s/g, '')
  if (!/^[\da-f]+$/i.test(digits)) return new Uint8Array()
  return Uint8Array.from(digits.match(/../g) ?? [], pair => Number.parseInt(pair, 16))
}

function includes(bytes: Uint8Array, [first, ...rest]: Uint8Array): boolean {
  if (first === undefined) return false
  for (let at = bytes.indexOf(first); at !== -1; at = bytes.indexOf(first, at + 1)) {
    if (rest.every((byte, i) => bytes[at + 1 + i] === byte)) return true
  }
  return false
}

function toJson({ at, event }: LogEntry): string {
  const time = new Date(at).toISOString()
  if (!('message' in event)) return `${JSON.stringify({ time, ...event })}\n`
  const { type: direction, message, ...rest } = event
  const payload = typeof message === 'string' ? { text: message } : { base64: toBase64(message) }
  const type = typeof message === 'string' ? 'text' : 'binary'
  return `${JSON.stringify({ time, type, direction, ...payload, bytes: byteLength(message), ...rest })}\n`
}
