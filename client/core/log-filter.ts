import { toHex } from './bytes.ts'
import type { ConnectionEvent } from './connection.ts'
import { describeEvent } from './line.ts'
import type { Message } from './message.ts'
import type { SearchPattern } from './search-pattern.ts'

export const logKinds = ['all', 'messages', 'sent', 'received', 'events'] as const
export type LogKind = (typeof logKinds)[number]

/** In bytes. A regular expression sees the start of a binary message in hex, as the log shows it. */
const MAX_HEX = 4096
/** In characters. In longer texts, some regular expressions take time that grows with the square of the length. */
const MAX_TEXT = 64 * 1024

/** Returns the test that events must pass, or `undefined` if all do. */
export function createFilter(
  kind: LogKind,
  search: SearchPattern | undefined,
): ((event: ConnectionEvent) => boolean) | undefined {
  if (!search) return kind === 'all' ? undefined : event => isOfKind(event, kind)
  const { pattern, text, isExcluded } = search
  const contains = text === undefined ? matcher(pattern) : finder(pattern, text)
  const matches = (event: ConnectionEvent) =>
    'message' in event ? contains(event.message) : pattern.test(describeEvent(event).text)
  return event => isOfKind(event, kind) && matches(event) !== isExcluded
}

function isOfKind(event: ConnectionEvent, kind: LogKind): boolean {
  if (kind === 'all') return true
  const isMessage = 'message' in event
  return kind === 'messages' ? isMessage : kind === 'events' ? !isMessage : event.type === kind
}

/** Searches messages with a regular expression. */
function matcher(pattern: RegExp): (message: Message) => boolean {
  return message =>
    pattern.test(typeof message === 'string' ? message.slice(0, MAX_TEXT) : toHex(message.subarray(0, MAX_HEX)))
}

/** Searches text for a text, and binary messages for its bytes in UTF-8 or for the bytes that it means in hex. */
function finder(pattern: RegExp, text: string): (message: Message) => boolean {
  const needles = [new TextEncoder().encode(text), hexIn(text)]
  return message =>
    typeof message === 'string' ? pattern.test(message) : needles.some(needle => includes(message, needle))
}

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
