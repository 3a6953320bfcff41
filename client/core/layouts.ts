import { byteLength, formatSize } from './bytes.ts'
import { findJson, formatJson, mayHaveJson } from './json.ts'
import { createJsonTree, type JsonTree } from './json-tree.ts'
import type { Message } from './message.ts'

/** A way to show a message. */
export type Layout = 'pretty' | 'tree' | 'raw' | 'hex'

export type Layouts = {
  /** The layouts that apply to the message, the best one first. */
  layouts: Layout[]
  /** Why a layout that one would expect is missing, or an empty string. */
  note: string
}

/** Longer JSON is not laid out, because that would take seconds. In characters. */
const MAX_PRETTY = 4 * 1024 * 1024

/** Returns how a message can be shown. Text may be JSON after a prefix such as `[RE]: `. */
export function layoutsOf(message: Message): Layouts {
  if (typeof message !== 'string') return { layouts: ['hex'], note: '' }
  if (message.length <= MAX_PRETTY) {
    return { layouts: findJson(message) === -1 ? ['raw', 'hex'] : ['pretty', 'tree', 'raw', 'hex'], note: '' }
  }
  // Whether it is valid takes long to find out, so only the tree does, when it is chosen.
  if (!mayHaveJson(message)) return { layouts: ['raw', 'hex'], note: '' }
  const size = formatSize(byteLength(message))
  return { layouts: ['raw', 'tree', 'hex'], note: `Too long to lay out (${size}). Tree reads only what you open.` }
}

/** Splits a text into its prefix with a line break, and its JSON laid out. */
export function layOut(text: string): { prefix: string; json: string } {
  const start = findJson(text)
  const formatted = start === -1 ? { problem: '' } : formatJson(text.slice(start))
  if ('problem' in formatted) return { prefix: text, json: '' }
  const prefix = text.slice(0, start).trimEnd()
  return { prefix: prefix && `${prefix}\n`, json: formatted.text }
}

/** Returns the JSON of a text as a tree, or `undefined` if it is not valid. */
export function treeOf(text: string): JsonTree | undefined {
  const start = findJson(text)
  return start === -1 ? undefined : createJsonTree(text.slice(start))
}
