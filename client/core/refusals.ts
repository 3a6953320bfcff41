import type { ConnectionEvent } from './connection.ts'
import type { LogStore } from './log-store.ts'

type Refused = Extract<ConnectionEvent, { type: 'refused' }>

/** Writes failed handshakes into a log: retries that fail one after another as one line, and each reason once. */
export function createRefusals(log: LogStore, pageOrigin: string, onAnswer: ((answer: string) => void) | undefined) {
  let isRetry = false
  /** The newest explanation: a retry that fails for the same reason needs no second one. */
  let explanation = ''

  async function explain(url: string) {
    const text = await askWhy(url, pageOrigin)
    if (text === explanation) return
    explanation = text
    log.add({ type: 'note', text })
    onAnswer?.(text)
  }

  return {
    add(event: Refused) {
      log.add(isRetry ? countAttempt(event, log) : event)
      void explain(event.url)
    },

    /** Failures from now on are those of a retry. */
    retrying() {
      isRetry = true
    },

    /** Failures from now on have nothing to do with the previous ones. */
    startOver() {
      isRetry = false
      explanation = ''
    },
  }
}

async function askWhy(url: string, pageOrigin: string): Promise<string> {
  try {
    return await (await import('./handshake.ts')).askWhy(url, { pageOrigin })
  } catch {
    // The code that asks is loaded on demand.
    return 'The reason is unknown: browsers hide it from pages, and the server of this page does not answer.'
  }
}

/** Gives retries that fail one after another a single line, which counts them. */
function countAttempt(event: Refused, log: LogStore): Refused {
  const newest = log.entries.findLast(({ event }) => event.type !== 'note')
  if (newest?.event.type !== 'refused') return event
  log.remove(newest.id)
  return { ...event, attempts: (newest.event.attempts ?? 1) + 1 }
}
