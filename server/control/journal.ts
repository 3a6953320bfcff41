import type { Opcode } from '../observer.ts'

type Kind = Exclude<Opcode, 'pong'>

/** One thing that the server received. */
export type Entry = {
  /** ISO 8601. */
  time: string
  connection: number
  opcode: Kind
  /** Of the whole payload. */
  bytes: number
  /** The payload of a text, the reason of a close. */
  text?: string
  /** Any other payload, in base64. */
  base64?: string
  /** Of a close: what the peer sent, 1005 for none, 1006 where no close frame came. */
  code?: number
}

export type Journal = {
  /** Keeps one more, and drops the oldest that there is no room for; itself, if it alone is too large. */
  add(connection: number, opcode: Kind, payload: Buffer, code?: number): void
  /** What is kept, the newest last. */
  entries(connection?: number): Entry[]
  /** How many were dropped since it was cleared. */
  readonly dropped: number
  clear(): void
}

type Kept = { time: number; connection: number; opcode: Kind; payload: Buffer; code: number | undefined }

/** What an entry takes beside its payload. */
const OVERHEAD = 512

/** @param size bytes to be kept at most */
export function createJournal(size: number): Journal {
  let kept: Kept[] = []
  let first = 0
  let bytes = 0
  let dropped = 0

  const sizeOf = ({ payload }: Kept) => OVERHEAD + payload.length

  return {
    get dropped() {
      return dropped
    },

    add(connection, opcode, payload, code) {
      // A copy: a small message may be part of a large chunk.
      const entry = { time: Date.now(), connection, opcode, payload: Buffer.from(payload), code }
      kept.push(entry)
      bytes += sizeOf(entry)
      for (; bytes > size; first++, dropped++) bytes -= sizeOf(kept[first] as Kept)
      if (first > kept.length / 2) {
        kept = kept.slice(first)
        first = 0
      }
    },

    entries(connection) {
      return kept
        .slice(first)
        .filter(entry => connection === undefined || entry.connection === connection)
        .map(toEntry)
    },

    clear() {
      kept = []
      first = 0
      bytes = 0
      dropped = 0
    },
  }
}

function toEntry({ time, connection, opcode, payload, code }: Kept): Entry {
  const isText = opcode === 'text' || opcode === 'close'
  return {
    time: new Date(time).toISOString(),
    connection,
    opcode,
    bytes: payload.length,
    ...(isText ? { text: payload.toString() } : { base64: payload.toString('base64') }),
    ...(code === undefined ? {} : { code }),
  }
}
