import type { Message } from './message.ts'

/** Measures round trips on one connection, for as long as it is certain which message a reply answers. */
export type RoundTrip = {
  /** Call this just before a message is sent. */
  sent(message: Message): void
  /** Returns the round trip of a received message in ms; `undefined` unless it is certain. */
  received(message: Message): number | undefined
}

const MAX_WAITING = 100_000
/** In characters of text plus bytes of binary data. */
const MAX_LENGTH = 16 * 1024 * 1024

/**
 * Creates a measurement that matches each reply with the oldest unanswered message: the reply must equal that message
 * or end with it. After the first mismatch, or with too much unanswered, it stops, since no figure is better than a
 * wrong one. `now` returns the time in ms.
 */
export function createRoundTrip(now: () => number): RoundTrip {
  // Keyed by increasing numbers, so that removing the oldest is fast however many wait.
  const waiting = new Map<number, { message: Message; at: number }>()
  let oldest = 0
  let next = 0
  let length = 0
  let isCertain = true

  function giveUp(): undefined {
    isCertain = false
    waiting.clear()
  }

  return {
    sent(message) {
      if (!isCertain) return
      waiting.set(next++, { message, at: now() })
      length += message.length
      if (waiting.size > MAX_WAITING || length > MAX_LENGTH) giveUp()
    },

    received(message) {
      if (!isCertain) return undefined
      const at = now()
      const asked = waiting.get(oldest)
      if (!asked || !endsWith(message, asked.message)) return giveUp()
      waiting.delete(oldest++)
      length -= asked.message.length
      return at - asked.at
    },
  }
}

function endsWith(whole: Message, end: Message): boolean {
  if (typeof whole === 'string' || typeof end === 'string') {
    return typeof whole === 'string' && typeof end === 'string' && whole.endsWith(end)
  }
  const offset = whole.length - end.length
  return end.every((byte, i) => byte === whole[offset + i])
}
