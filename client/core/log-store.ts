import { byteLength, toBase64 } from './bytes.ts'
import type { ConnectionEvent } from './connection.ts'
import { describeEvent } from './line.ts'
import type { Message } from './message.ts'

export type LogEntry = {
  /** Counts up by one from entry to entry. */
  readonly id: number
  /** ms since the epoch. */
  readonly at: number
  readonly event: ConnectionEvent
}

export const logKinds = ['all', 'messages', 'sent', 'received', 'events'] as const
export type LogKind = (typeof logKinds)[number]

/** All that happened, and what of it is to be shown. It lets go of the oldest when it holds too much. */
export type LogStore = {
  /** Grows in place, and is another array once something was taken out of it. So does `shown`. */
  readonly entries: readonly LogEntry[]
  /** The entries that the filter lets through. */
  readonly shown: readonly LogEntry[]
  /** How many entries were let go since the log was last cleared. */
  readonly released: number
  /** `at` is in ms since the epoch. */
  add(event: ConnectionEvent, at?: number): void
  /** Searches texts in any case, binary messages for the text's bytes or for those that it gives in hex. */
  filter(kind: LogKind, text: string): void
  clear(): void
  /** The place in `shown` of an entry, or of the next one shown after it. */
  indexOf(id: number): number
  /** The whole log whatever the filter, as one JSON object a line (NDJSON). */
  toNdjson(): Blob
  /** Calls back at every change, until the function that it returns is called. */
  onChange(listener: () => void): () => void
}

type LogLimits = {
  /** How many entries are kept. */
  limit?: number
  /** How many bytes of memory their messages may take; the newest is kept whatever its size. */
  byteLimit?: number
}

/** Letting go of this share at once makes it cost little for each entry. */
const RELEASED_SHARE = 0.1

/** Creates a log that holds nothing and shows everything. */
export function createLogStore({ limit = 100_000, byteLimit = 64 * 1024 * 1024 }: LogLimits = {}): LogStore {
  let entries: LogEntry[] = []
  let shown = entries
  let passes: ((event: ConnectionEvent) => boolean) | undefined
  let released = 0
  let bytes = 0
  let nextId = 0
  const listeners = new Set<() => void>()

  function changed() {
    for (const listener of listeners) listener()
  }

  function release() {
    let count = 0
    const mostEntries = limit * (1 - RELEASED_SHARE)
    const mostBytes = byteLimit * (1 - RELEASED_SHARE)
    for (const { event } of entries) {
      const left = entries.length - count
      if (left === 1 || (left <= mostEntries && bytes <= mostBytes)) break
      bytes -= memoryOf(event)
      count++
    }
    // Copies: who still lays out the old ones finds them as they were.
    const isFiltered = shown !== entries
    shown = shown.slice(indexOf(entries[count]?.id ?? nextId))
    entries = isFiltered ? entries.slice(count) : shown
    released += count
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
    get released() {
      return released
    },

    add(event, at = Date.now()) {
      const entry = { id: nextId++, at, event }
      entries.push(entry)
      if (shown !== entries && passes?.(event)) shown.push(entry)
      bytes += memoryOf(event)
      if (entries.length > limit || bytes > byteLimit) release()
      changed()
    },

    filter(kind, text) {
      passes = createFilter(kind, text)
      shown = passes ? entries.filter(({ event }) => passes?.(event)) : entries
      changed()
    },

    clear() {
      entries = []
      shown = passes ? [] : entries
      released = 0
      bytes = 0
      changed()
    },

    indexOf,
    toNdjson: () => new Blob(entries.map(toJson), { type: 'application/x-ndjson' }),

    onChange(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
  }
}

/** A character takes at most two bytes in a browser's memory; to count those of UTF-8 would take a look at each. */
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

  // Unlike comparing in lower case, it copies no message.
  const pattern = new RegExp(text.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&'), 'iu')
  const needles = [new TextEncoder().encode(text), hexIn(text)]
  const contains = (message: Message) =>
    typeof message === 'string' ? pattern.test(message) : needles.some(needle => includes(message, needle))

  return event =>
    isOfKind(event) && ('message' in event ? contains(event.message) : pattern.test(describeEvent(event).text))
}

/** The whole bytes that a text gives in hex, none if it is something else. */
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
