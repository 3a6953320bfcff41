import { byteLength, formatSize, parseBase64, parseHex } from '../core/bytes.ts'
import { formatJson, isJson } from '../core/json.ts'
import type { Format } from '../core/link.ts'
import type { Message } from '../core/message.ts'

/** A message that can be sent, or why not. `undefined` while its variables are loading. */
export type Parsed =
  | { message: Message; note?: string; warning?: string }
  | { problem: string; isFinal?: true }
  | undefined

/** More text is not checked for JSON at each key. In characters. */
const MAX_CHECKED = 64 * 1024

/** Returns the message that a text means in a format. */
export function parse(format: Format, text: string): { message: Message } | { problem: string } {
  if (format === 'text') return { message: text }
  if (format === 'json') {
    const formatted = formatJson(text)
    return 'problem' in formatted ? { problem: `Not valid JSON: ${formatted.problem}` } : { message: text }
  }
  const parsed = format === 'hex' ? parseHex(text) : parseBase64(text)
  return 'problem' in parsed ? { problem: `Not valid ${format}: ${parsed.problem}` } : { message: parsed.bytes }
}

const ENDINGS: Record<Format, string[]> = { text: [], json: [], hex: ['0', '00'], base64: ['A', 'AA', '=', '=='] }

/** Whether some more digits would make the text valid. JSON is unfinished most of the time. */
export const isUnfinished = (format: Format, text: string) =>
  format === 'json' || ENDINGS[format].some(ending => 'message' in parse(format, text + ending))

/** Returns the size and the kind of a message in words. */
export function describe(format: Format, message: Message): string {
  const size = formatSize(byteLength(message))
  if (typeof message !== 'string') return `${size} · binary`
  const isValid = format === 'json' || (message.length <= MAX_CHECKED && isJson(message))
  return isValid ? `${size} · valid JSON` : size
}
