import type { z } from '@hono/zod-openapi'
import type { Observed, TriggeredFault } from '../connection/observer.ts'
import type { Budget } from '../wire/budget.ts'
import { copyOf } from '../wire/copy.ts'
import type * as schemas from './schemas.ts'

type Entry = z.output<typeof schemas.entry>
type FaultEntry = z.output<typeof schemas.faultEntry>

/** Kept as it arrived, because most entries are never read. */
type Kept = { time: number; testId: string | undefined; payload: Buffer } & (
  | { connection: number; from: Entry['from']; opcode: Entry['opcode']; code: number | undefined }
  | { connection: number | undefined; opcode: 'fault'; address: string }
)

/** The memory that an entry takes besides its payload, in bytes. */
const OVERHEAD = 512

const sizeOf = ({ payload }: Kept) => OVERHEAD + payload.length

/** Selects entries of one connection, of one test, or of both. */
export type JournalFilter = { connection?: number | undefined; for?: string | undefined }

export type Journal = ReturnType<typeof createJournal>

/**
 * Creates a journal of the messages that the server received, and of the faults that took effect. Drops the oldest entries
 * when it is full.
 * @param size the most bytes to keep
 * @param budget counts the bytes that are kept
 */
export function createJournal(size: number, budget: Pick<Budget, 'add'>) {
  /** The entries, oldest first. */
  const kept = new Set<Kept>()
  let bytes = 0
  let dropped = 0
  const count = (cost: number) => {
    bytes += cost
    budget.add(cost)
  }
  const remove = (entry: Kept) => {
    kept.delete(entry)
    count(-sizeOf(entry))
  }
  /** Drops the oldest entries until all fit, even the new one if it is too large. */
  const add = (entry: Kept) => {
    kept.add(entry)
    count(sizeOf(entry))
    for (const oldest of kept) {
      if (bytes <= size) break
      remove(oldest)
      dropped++
    }
  }
  const select = ({ connection, for: test }: JournalFilter) =>
    [...kept].filter(
      entry =>
        (connection === undefined || entry.connection === connection) && (test === undefined || entry.testId === test),
    )

  return {
    addMessage({ id, testId, side }: Observed, opcode: Entry['opcode'], payload: Buffer, code?: number): void {
      add({ time: Date.now(), connection: id, testId, from: side, opcode, payload: copyOf(payload), code })
    },

    addFault({ connection, address, testId, text }: TriggeredFault): void {
      add({ time: Date.now(), connection, testId, opcode: 'fault', address, payload: copyOf(Buffer.from(text)) })
    },

    /** Returns the selected entries, oldest first. */
    read(filter: JournalFilter): z.output<typeof schemas.journal> {
      const messages: Entry[] = []
      const faults: FaultEntry[] = []
      for (const entry of select(filter)) {
        if (entry.opcode === 'fault') faults.push(toFault(entry))
        else messages.push(toMessage(entry))
      }
      return { dropped, messages, faults }
    },

    /** Removes the selected entries. */
    clear(filter: JournalFilter): void {
      for (const entry of select(filter)) remove(entry)
      if (kept.size === 0) dropped = 0
    },
  }
}

function toMessage({ time, payload, code, ...about }: Extract<Kept, { code: unknown }>): Entry {
  const { opcode } = about
  const isText = opcode === 'text' || opcode === 'close'
  const content = isText ? { text: payload.toString() } : { base64: payload.toString('base64') }
  return { time: new Date(time).toISOString(), ...about, bytes: payload.length, ...content, code }
}

function toFault({ time, connection, testId, address, payload }: Extract<Kept, { opcode: 'fault' }>): FaultEntry {
  return {
    time: new Date(time).toISOString(),
    connection: connection ?? null,
    testId,
    address,
    fault: payload.toString(),
  }
}
