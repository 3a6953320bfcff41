import { speak } from '../core/line.ts'
import type { LogEntry, LogStore } from '../core/log-store.ts'

/** Announces events to screen readers in one polite live region for the whole page. */
export type Announcer = {
  /** Announces new entries of this log, and stops following the previous one. */
  follow(log: LogStore): void
}

const PAUSE = 1000

/** Creates an announcer that speaks at most once per second, and summarizes the events in between. */
export function createAnnouncer(region: HTMLElement): Announcer {
  let stop = () => {}

  return {
    follow(log) {
      stop()
      let announced = log.entries.at(-1)?.id ?? -1
      let pause: ReturnType<typeof setTimeout> | undefined

      function announce() {
        const newest = log.entries.at(-1)?.id ?? announced
        if (pause !== undefined || newest === announced) return
        region.textContent = sumUp(log.entries.slice(announced - newest))
        announced = newest
        pause = setTimeout(() => {
          pause = undefined
          announce()
        }, PAUSE)
      }

      const ignore = log.onChange(announce)
      stop = () => {
        clearTimeout(pause)
        ignore()
      }
    },
  }
}

function sumUp(entries: readonly LogEntry[]): string {
  const events = entries.map(({ event }) => event)
  const messages = events.filter(event => 'message' in event)
  // One message and its reply are read out in full.
  if (messages.length <= 2) return events.map(speak).join('\n')
  const received = messages.filter(({ type }) => type === 'received').length
  const others = events.filter(event => !('message' in event)).slice(-2)
  return [`${received} received, ${messages.length - received} sent`, ...others.map(speak)].join('\n')
}
