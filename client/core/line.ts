import { hexDump, toHex } from './bytes.ts'
import { explainClose, nameClose } from './close-code.ts'
import type { ConnectionEvent } from './connection.ts'
import { count } from './count.ts'
import type { Message } from './message.ts'

/** A line of the log: its text, followed by the message if there is one. */
export type Line = {
  kind: 'system' | 'sent' | 'received' | 'error'
  text: string
  message?: Message
}

/** The visible part of a message, and a text that says how much is left out, or an empty string. */
export type Excerpt = { text: string; more: string }

const ABNORMAL = 1006
const FOLDED_LINES = 3
const FOLDED_CHARACTERS = 240
const FOLDED_BYTES = 32
export const UNFOLDED_CHARACTERS = 64 * 1024
const UNFOLDED_BYTES = 8 * 1024

/** Describes an event as a line of the log. */
export function describeEvent(event: ConnectionEvent): Line {
  switch (event.type) {
    case 'connected':
      return { kind: 'system', text: 'Connected to the websocket server…' }
    case 'sent':
      return { kind: 'sent', text: 'Sending to the server => ', message: event.message }
    case 'received':
      return { kind: 'received', text: 'Received from the server => ', message: event.message }
    case 'disconnected':
      return { kind: 'system', text: describeEnd(event) }
    case 'cancelled':
      return { kind: 'system', text: `Connecting to ${event.url} was cancelled` }
    case 'replaced':
      return { kind: 'system', text: `Server disconnected… because a connection to ${event.url} takes its place` }
    case 'left':
      return { kind: 'system', text: 'Server disconnected… because you left the page' }
    case 'error':
      return { kind: 'error', text: `Error: ${event.problem}` }
    case 'refused':
      return { kind: 'error', text: `Error: could not connect to ${event.url}${describeAttempts(event.attempts)}` }
    case 'note':
      return { kind: 'system', text: event.text }
  }
}

/** Returns the beginning of a message: the first lines of a text, or the length and the first bytes of binary data. */
export function fold(message: Message): Excerpt {
  if (typeof message === 'string') {
    const lines = message.slice(0, FOLDED_CHARACTERS + 1).split('\n', FOLDED_LINES)
    return cut(message, Math.min(FOLDED_CHARACTERS, lines.join('\n').length))
  }
  const words = count(message.length, 'byte')
  const hex = toHex(message.subarray(0, FOLDED_BYTES))
  return { text: hex ? `${words} ${hex}` : words, more: describeRest(message.length - FOLDED_BYTES, 'byte') }
}

/** Returns as much of a message as a page can render quickly: up to `most` characters of text, or a hex dump. */
export function unfold(message: Message, most = UNFOLDED_CHARACTERS): Excerpt {
  if (typeof message === 'string') return cut(message, most)
  return {
    text: hexDump(message.subarray(0, UNFOLDED_BYTES)),
    more: describeRest(message.length - UNFOLDED_BYTES, 'byte'),
  }
}

/** Describes an event for a screen reader. */
export function speak(event: ConnectionEvent): string {
  const { text, message } = describeEvent(event)
  if (message === undefined) return text
  const excerpt = fold(message)
  return `${text}${excerpt.text || 'empty'}${excerpt.more && '…'}`
}

function cut(text: string, most: number): Excerpt {
  // Never cut a surrogate pair in two.
  const end = most < text.length && /[\uD800-\uDBFF]/.test(text.charAt(most - 1)) ? most - 1 : most
  return { text: text.slice(0, end), more: describeRest(text.length - end, 'character') }
}

const describeAttempts = (attempts = 1): string => (attempts === 1 ? '' : ` (${count(attempts, 'attempt')})`)

const describeRest = (rest: number, unit: string): string => (rest <= 0 ? '' : count(rest, `more ${unit}`))

function describeEnd({ code, reason, sentCode }: Extract<ConnectionEvent, { type: 'disconnected' }>): string {
  const close = describeClose(code, reason)
  if (sentCode === undefined) return `Server disconnected… (${close})`
  if (sentCode === code) return `Server disconnected… because you closed the connection (${close})`
  const answer = code === ABNORMAL ? 'but the server sent no close frame' : 'and the server answered with another code'
  return `Server disconnected… because you closed the connection with code ${sentCode}, ${answer} (${close})`
}

function describeClose(code: number, reason: string): string {
  const name = nameClose(code)
  const meaning = `${name ? `${name} – ` : ''}${explainClose(code).replace(/\.$/, '')}`
  return `code ${code}: ${meaning}${reason && `; reason: ${reason}`}`
}
