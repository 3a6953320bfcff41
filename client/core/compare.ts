import { diffLines } from 'diff'
import { hexDump } from './bytes.ts'
import { findJson, formatJson } from './json.ts'
import type { Message } from './message.ts'

/** Consecutive lines that both messages have, or only the first (`removed`) or the second (`added`). */
export type Difference = { kind: 'same' | 'removed' | 'added'; lines: string[] }

/** In ms. A comparison that takes longer would freeze the page. */
const TIMEOUT = 1000
/** In characters or bytes. Splitting longer messages into lines alone takes too long. */
const MAX_LENGTH = 1024 * 1024

/**
 * Compares two messages line by line: JSON indented, binary data as a hex dump. Returns `undefined` if that would take
 * too long, because a message is longer than 1 MiB, or both are long and have little in common.
 */
export function compare(first: Message, second: Message, timeout = TIMEOUT): Difference[] | undefined {
  if (first.length > MAX_LENGTH || second.length > MAX_LENGTH) return undefined
  const parts = diffLines(layOut(first), layOut(second), { timeout })
  return parts?.map(({ value, added, removed }) => ({
    kind: added ? 'added' : removed ? 'removed' : 'same',
    lines: value.replace(/\n$/, '').split('\n'),
  }))
}

/** The last line gets a line break, so that it equals the same line in the middle of the other message. */
function layOut(message: Message): string {
  if (typeof message !== 'string') return message.length > 0 ? `${hexDump(message)}\n` : ''
  const start = findJson(message)
  const formatted = start === -1 ? undefined : formatJson(message.slice(start))
  const text = formatted && 'text' in formatted ? message.slice(0, start) + formatted.text : message
  return text === '' || text.endsWith('\n') ? text : `${text}\n`
}
