import { parseBase64 } from './bytes.ts'
import type { ConnectionEvent } from './connection.ts'
import { count } from './count.ts'
import { MARK } from './keep-log.ts'
import type { LogEntry, LogStore } from './log-store.ts'

/** The newest lines of a log from before the page was loaded, and how many lines before them were not kept. */
export type KeptLog = { lines: Pick<LogEntry, 'at' | 'event'>[]; older: number }

type Shape = Record<string, 'string' | 'number' | 'message'>

/** The fields of each event: the necessary ones, and the others. */
const EVENTS: Record<ConnectionEvent['type'], [required: Shape, optional?: Shape]> = {
  connected: [{ protocol: 'string', extensions: 'string' }, { url: 'string' }],
  sent: [{ message: 'message' }],
  received: [{ message: 'message' }, { roundTrip: 'number' }],
  disconnected: [{ code: 'number', reason: 'string' }, { sentCode: 'number' }],
  cancelled: [{ url: 'string' }],
  replaced: [{ url: 'string' }],
  left: [{}],
  error: [{ problem: 'string' }],
  refused: [{ url: 'string' }, { attempts: 'number' }],
  note: [{ text: 'string' }],
}

/** The latest time that a `Date` can have, in ms. */
const LATEST = 8.64e15

const day = new Intl.DateTimeFormat('en-GB', { dateStyle: 'long' })

/** Reads what `writeLogs` has written, one log for each tab, and skips invalid lines. */
export function parseLogs(text: string): (KeptLog | undefined)[] {
  try {
    const json: unknown = JSON.parse(text)
    return Array.isArray(json) ? json.map(parseLog) : []
  } catch {
    return []
  }
}

/** Puts kept lines before those of a log, and after them a line that says where they are from. `now` is in ms. */
export function restoreLog(store: LogStore, { lines, older }: KeptLog, now = Date.now()): void {
  // A connection may have been faster than the code that restores.
  const at = Math.min(now, store.entries[0]?.at ?? now)
  const mark = { at, event: { type: 'note' as const, text: describe(lines.at(-1), older, now) } }
  const first = MARK - lines.length
  store.prepend(
    [...lines, mark].map((line, i) => ({ ...line, id: first + i })),
    older,
  )
}

function describe(newest: KeptLog['lines'][number] | undefined, older: number, now: number): string {
  if (!newest)
    return `${count(older, 'line')} from before this page was loaded ${older === 1 ? 'was' : 'were'} not kept.`
  const date = day.format(newest.at)
  // Lines show only the time of day.
  const end = date === day.format(now) ? '' : ` They end on ${date}.`
  const loss = older === 0 ? '' : ` ${count(older, 'older line was', 'older lines were')} not kept.`
  return `The lines above are from before this page was loaded.${end}${loss}`
}

function parseLog(json: unknown): KeptLog | undefined {
  const { lines, older } = (json ?? {}) as Partial<Record<keyof KeptLog, unknown>>
  const valid = Array.isArray(lines) ? lines.map(parseLine).filter(line => line !== undefined) : []
  const missing = Number.isSafeInteger(older) ? Math.max(0, older as number) : 0
  return valid.length + missing === 0 ? undefined : { lines: valid, older: missing }
}

function parseLine(json: unknown): KeptLog['lines'][number] | undefined {
  if (typeof json !== 'object' || json === null) return undefined
  const { at, event } = json as Record<string, unknown>
  if (typeof at !== 'number' || !(Math.abs(at) <= LATEST)) return undefined
  if (typeof event !== 'object' || event === null) return undefined
  const fields = event as Record<string, unknown>
  const type = String(fields.type)
  if (!Object.hasOwn(EVENTS, type)) return undefined
  const [required, optional = {}] = EVENTS[type as ConnectionEvent['type']]
  const parsed: Record<string, unknown> = { type }
  for (const [name, kind] of Object.entries({ ...required, ...optional })) {
    const value = kind === 'message' ? parseMessage(fields[name]) : fields[name]
    const isMissing = value === undefined && name in optional
    if (isMissing) continue
    if (kind === 'message' ? value === undefined : typeof value !== kind) return undefined
    parsed[name] = value
  }
  return { at, event: parsed as ConnectionEvent }
}

function parseMessage(json: unknown) {
  if (typeof json === 'string') return json
  const base64 = (json as { base64?: unknown } | null | undefined)?.base64
  const parsed = typeof base64 === 'string' ? parseBase64(base64) : undefined
  return parsed && 'bytes' in parsed ? parsed.bytes : undefined
}
