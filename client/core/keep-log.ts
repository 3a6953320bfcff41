import { byteLength, formatSize, toBase64 } from './bytes.ts'
import type { LogEntry, LogStore } from './log-store.ts'

type Log = Pick<LogStore, 'entries' | 'removed'>

/** The id of the line after the restored ones, which says where they are from. */
export const MARK = -1

const MAX_LINES = 500
/** In characters of JSON. */
const MAX_LINE = 256 * 1024
const MAX_LOG = 1024 * 1024
/** Firefox closes the connections of a page with this code shortly before `pagehide`. In ms. */
const GOING_AWAY = 1001
const LEAVING = 1000

/**
 * Writes the newest lines of logs as JSON for the next start of the page, or returns an empty string if there are none
 * worth keeping. `room` is the length of all together in characters; the log at the index `first` gets it first. `now` is in ms since the epoch.
 */
export function writeLogs(logs: readonly Log[], first: number, room: number, now = Date.now()): string {
  let left = room
  const write = (log: Log) => {
    const lines = newestLines(log, Math.min(MAX_LOG, left), now)
    if (!lines) return undefined
    left -= lines.length
    return `{"older":${lines.older},"lines":[${lines.json}]}`
  }
  const written = logs.slice(first, first + 1).map(write)
  const all = logs.map((log, i) => (i === first ? written[0] : write(log)))
  return all.some(json => json !== undefined) ? `[${all.map(json => json ?? 'null').join()}]` : ''
}

function newestLines({ entries, removed }: Log, room: number, now: number) {
  let at = entries.findLastIndex(entry => !isEmpty(entry, now))
  if (at < 0) return undefined
  const lines: string[] = []
  let length = 0
  for (; at >= 0 && lines.length < MAX_LINES; at--) {
    const line = writeLine(entries[at] as LogEntry)
    length += line.length
    if (length > room) break
    lines.push(line)
  }
  return { json: lines.reverse().join(), length: Math.min(length, room), older: removed + at + 1 }
}

/** Whether a line at the end is not worth keeping: it only says that the page was there, or is written anew at each start. */
function isEmpty({ id, at, event }: LogEntry, now: number): boolean {
  if (id === MARK || event.type === 'connected' || event.type === 'left') return true
  return event.type === 'disconnected' && event.code === GOING_AWAY && !event.sentCode && now - at < LEAVING
}

function writeLine({ at, event }: LogEntry): string {
  if (!('message' in event)) return JSON.stringify({ at, event })
  const { type, message } = event
  if (message.length <= MAX_LINE) {
    const payload = typeof message === 'string' ? message : { base64: toBase64(message) }
    const line = JSON.stringify({ at, event: { ...event, message: payload } })
    if (line.length <= MAX_LINE) return line
  }
  const text = `A ${type} message of ${formatSize(byteLength(message))} was here. It was too long to keep.`
  return JSON.stringify({ at, event: { type: 'note', text } })
}
