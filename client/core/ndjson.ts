import { byteLength, toBase64 } from './bytes.ts'
import { joinParts } from './join-parts.ts'
import type { LogEntry } from './log-store.ts'

/** Writes entries with one JSON object per line (NDJSON). */
export const toNdjson = (entries: readonly LogEntry[]): Promise<Blob> =>
  joinParts(write(entries), 'application/x-ndjson')

function* write(entries: readonly LogEntry[]) {
  for (const entry of entries) yield toJson(entry)
}

function toJson({ at, event }: LogEntry): string {
  const time = new Date(at).toISOString()
  if (!('message' in event)) return `${JSON.stringify({ time, ...event })}\n`
  const { type: direction, message, ...rest } = event
  const payload = typeof message === 'string' ? { text: message } : { base64: toBase64(message) }
  const type = typeof message === 'string' ? 'text' : 'binary'
  return `${JSON.stringify({ time, type, direction, ...payload, bytes: byteLength(message), ...rest })}\n`
}
