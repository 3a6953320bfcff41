import type { z } from '@hono/zod-openapi'
import type { Budget } from '../wire/budget.ts'
import type * as schemas from './schemas.ts'

type Entry = z.output<typeof schemas.entry>
type Received = { time: number; connection: number; opcode: Entry['opcode']; payload: Buffer; code: number | undefined }

/** The memory that an entry takes besides its payload, in bytes. */
const OVERHEAD = 512

const sizeOf = ({ payload }: Received) => OVERHEAD + payload.length

export type Journal = ReturnType<typeof createJournal>

/**
 * Creates a journal of the messages that the server received. Drops the oldest when it is full.
 * @param size the most bytes to keep
 * @param budget counts the bytes that are kept
 */
export function createJournal(size: number, budget: Pick<Budget, 'add'>) {
  /** Entries by number. Numbers start at 0 after a clear, so the oldest number is the count of dropped entries. */
  const kept = new Map<number, Received>()
  let bytes = 0
  const count = (cost: number) => {
    bytes += cost
    budget.add(cost)
  }
  let dropped = 0

  return {
    /** Adds an entry and drops the oldest ones until all fit, even the new one if it is too large. */
    add(connection: number, opcode: Entry['opcode'], payload: Buffer, code?: number): void {
      // A copy outside Node.js's buffer pool: a payload may keep a large chunk in memory, and so may a part of the
      // pool.
      const copy = Buffer.alloc(payload.length, payload)
      const entry = { time: Date.now(), connection, opcode, payload: copy, code }
      kept.set(dropped + kept.size, entry)
      count(sizeOf(entry))
      for (let oldest = kept.get(dropped); oldest && bytes > size; oldest = kept.get(dropped)) {
        count(-sizeOf(oldest))
        kept.delete(dropped++)
      }
    },

    /** Returns the kept entries of one connection or of all, oldest first. */
    read(connection?: number): z.output<typeof schemas.journal> {
      const wanted = [...kept.values()].filter(entry => connection === undefined || entry.connection === connection)
      return { dropped, messages: wanted.map(toEntry) }
    },

    clear(): void {
      kept.clear()
      count(-bytes)
      dropped = 0
    },
  }
}

function toEntry({ time, payload, code, ...rest }: Received): Entry {
  const isText = rest.opcode === 'text' || rest.opcode === 'close'
  const content = isText ? { text: payload.toString() } : { base64: payload.toString('base64') }
  return { time: new Date(time).toISOString(), ...rest, bytes: payload.length, ...content, code }
}
