import { hexDump, toHex } from './bytes.ts'
import { explainClose } from './close-code.ts'
import type { ConnectionEvent } from './connection.ts'
import type { Message } from './message.ts'

/** A line of the log: what it says, then the message it is about, if any. */
export type Line = {
  kind: 'system' | 'sent' | 'received' | 'error'
  text: string
  message?: Message
}

/** The part of a message that is shown, and in words how much more there is, if any. */
export type Excerpt = { text: string; more: string }

const FOLDED_LINES = 3
const FOLDED_CHARACTERS = 240
const FOLDED_BYTES = 32
const UNFOLDED_CHARACTERS = 64 * 1024
const UNFOLDED_BYTES = 8 * 1024

/** Puts an event into words. */
export function describeEvent(event: ConnectionEvent): Line {
  switch (event.type) {
    case 'connected':
      return { kind: 'system', text: 'Connected to the websocket server…' }
    case 'sent':
      return { kind: 'sent', text: 'Sending to the server => ', message: event.message }
    case 'received':
      return { kind: 'received', text: 'Received from the server => ', message: event.message }
    case 'disconnected':
      return { kind: 'system', text: `Server disconnected… (${describeClose(event.code, event.reason)})` }
    case 'error':
      return { kind: 'error', text: `Error: ${event.problem}` }
    case 'refused':
      return { kind: 'error', text: `Error: could not connect to ${event.url}` }
    case 'note':
      return { kind: 'system', text: event.text }
  }
}

/** The beginning of a message: some lines of a text; of binary its length and first bytes in hex. */
export function fold(message: Message): Excerpt {
  if (typeof message === 'string') {
    const lines = message.slice(0, FOLDED_CHARACTERS + 1).split('\n', FOLDED_LINES)
    return cut(message, Math.min(FOLDED_CHARACTERS, lines.join('\n').length))
  }
  const words = `${message.length} ${message.length === 1 ? 'byte' : 'bytes'}`
  const hex = toHex(message.subarray(0, FOLDED_BYTES))
  return { text: hex ? `${words} ${hex}` : words, more: describeRest(message.length - FOLDED_BYTES, 'byte') }
}

/** As much of a message as a page can well show: a text, or the hex dump of binary. */
export function unfold(message: Message): Excerpt {
  if (typeof message === 'string') return cut(message, UNFOLDED_CHARACTERS)
  return {
    text: hexDump(message.subarray(0, UNFOLDED_BYTES)),
    more: describeRest(message.length - UNFOLDED_BYTES, 'byte'),
  }
}

/** What a screen reader says of an event. */
export function speak(event: ConnectionEvent): string {
  const { text, message } = describeEvent(event)
  if (message === undefined) return text
  const excerpt = fold(message)
  return `${text}${excerpt.text || 'empty'}${excerpt.more && '…'}`
}

function cut(text: string, most: number): Excerpt {
  // Not within a surrogate pair.
  const end = most < text.length && /[\uD800-\uDBFF]/.test(text.charAt(most - 1)) ? most - 1 : most
  return { text: text.slice(0, end), more: describeRest(text.length - end, 'character') }
}

function describeRest(count: number, unit: string): string {
  return count <= 0 ? '' : `${count.toLocaleString('en')} more ${unit}${count === 1 ? '' : 's'}`
}

function describeClose(code: number, reason: string): string {
  return `code ${code}: ${explainClose(code).replace(/\.$/, '')}${reason && `; reason: ${reason}`}`
}
