import type { Message } from './message.ts'

/** Times replies on one connection, for as long as it is certain which message a reply answers. */
export type RoundTrip = {
  /** To be called when a message is about to be sent. */
  sent(message: Message): void
  /** Gives the ms since the message was sent that this one answers; `undefined` where that isn't certain. */
  received(message: Message): number | undefined
}

const MOST_WAITING = 100_000
/** In characters and bytes. */
const MOST_LENGTH = 16 * 1024 * 1024

/**
 * Times the replies that equal or end with the oldest unanswered message. From the first that doesn't, and when too
 * much is unanswered, it gives up: nothing said is better than something wrong. `now` is in ms.
 */
export function createRoundTrip(now: () => number): RoundTrip {
  // Keyed by running numbers: taking the oldest costs the same however many wait.
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
      if (waiting.size > MOST_WAITING || length > MOST_LENGTH) giveUp()
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
