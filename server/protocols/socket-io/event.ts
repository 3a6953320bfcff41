import { Encoder, PacketType } from 'socket.io-parser'
import type { Message } from '../../connection/behaviour.ts'
import { costOf } from '../../wire/flow.ts'

// The most levels of nested arguments. The packages visit them by recursion, for which the stack must be large enough
// whenever they do.
const MAX_DEPTH = 1000

// Bytes of a value in memory, besides its characters and its parts.
const SMALL = 32
const LARGE = 64

const encoder = new Encoder()

/** An event cannot be sent back. */
export class EventError extends Error {}

/**
 * Describes an event as a message: the JSON of its name and arguments, or its attachments. Its cost includes the parsed
 * arguments.
 * @throws EventError if the arguments are nested too deeply, or an attachment is used more than once, because the reply
 * would then be many times larger than the event
 */
export function describeEvent(event: string, args: unknown[]): Message {
  const cost = costOfArguments(args)
  const [text = '', ...attachments] = encoder.encode({ type: PacketType.EVENT, nsp: '/', data: [event, ...args] })
  const isBinary = attachments.length > 0
  const payload = isBinary ? Buffer.concat(attachments) : Buffer.from(text.slice(1))
  return { payload, isBinary, cost: costOf(payload.length) + cost }
}

/** Returns the memory that parsed arguments take, in bytes. */
function costOfArguments(args: unknown[]): number {
  const attachments = new Set<Buffer>()
  let cost = 0
  const visit = (value: unknown, depth: number): void => {
    if (typeof value === 'string') cost += SMALL + 2 * value.length
    else if (typeof value !== 'object' || value === null) cost += SMALL
    else if (Buffer.isBuffer(value)) {
      if (attachments.has(value)) throw new EventError('An event uses an attachment more than once')
      attachments.add(value)
      cost += costOf(value.length)
    } else {
      if (depth > MAX_DEPTH) throw new EventError('The arguments of an event are nested too deeply')
      cost += LARGE
      if (Array.isArray(value)) for (const part of value) visit(part, depth + 1)
      else
        for (const [key, part] of Object.entries(value)) {
          cost += SMALL + 2 * key.length
          visit(part, depth + 1)
        }
    }
  }
  visit(args, 0)
  return cost
}
