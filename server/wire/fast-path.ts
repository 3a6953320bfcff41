import { isUtf8 } from 'node:buffer'
import { COMPRESSION_THRESHOLD } from './deflate.ts'
import { costOf, type Flow } from './flow.ts'
import { First, sizeOfFrame, writeHeader } from './frame-header.ts'
import { createOutput, type Output, unmaskInto } from './masking.ts'
import { add, count, createTally, type Tally, type Traffic } from './traffic.ts'

// The longest message for which a reply is allocated up front. Longer ones go to `ws`, which allocates as bytes arrive.
const MAX_LENGTH = 2 ** 20
const OUTPUT_SIZE = 2 ** 16

// Large buffers kept for later replies of the same size. Touching fresh memory costs more than filling it.
const MAX_SPARES = 8

/** The memory in which replies are made. All connections share it, and each leaves it empty. */
export class ReplyBuffers {
  output = createOutput(OUTPUT_SIZE)
  filled = 0
  /** The messages whose replies are in the output. */
  batch = createTally()
  private readonly spares: Output[] = []

  take(size: number): Output {
    const spare = this.spares.findIndex(({ bytes }) => bytes.length === size)
    return (spare >= 0 && this.spares.splice(spare, 1)[0]) || createOutput(size)
  }

  giveBack(output: Output): void {
    if (this.spares.push(output) > MAX_SPARES) this.spares.shift()
  }
}

export type FastPathOptions = {
  /** Returns the bytes that a reply has before the payload of its message. */
  leadOf: (isBinary: boolean) => Buffer
  maxPayload: number
  buffers: ReplyBuffers
}

type Context = FastPathOptions & {
  flow: Flow
  /** Whether long replies must be compressed, which the fast path does not do. */
  isCompressing: boolean
  /** Where to count messages. */
  events: { readonly traffic: Traffic }
}

/** The reply to a message that has arrived in part. */
type Partial = Output & { payloadAt: number; filled: number; mask: Buffer }

/**
 * Echoes final, masked, uncompressed text and binary frames straight from the chunk that they arrived in. All replies
 * to a chunk leave in one write. `npm run bench` shows the effect.
 */
export class FastPath {
  private partial: Partial | undefined
  private readonly context: Context

  constructor(context: Context) {
    this.context = context
  }

  /** Whether a message has arrived in part. */
  get isWithin(): boolean {
    return this.partial !== undefined
  }

  /**
   * Takes the message whose frame begins at `at`, or the part of it that is there.
   * @returns where to continue in the chunk, or -1 if the message cannot take the fast path
   */
  take(chunk: Buffer, at: number, headerSize: number, first: number, length: number): number {
    const { buffers, leadOf, maxPayload, isCompressing } = this.context
    const isText = first === First.text
    const lead = leadOf(!isText)
    const replyLength = lead.length + length
    if (length > maxPayload || length > MAX_LENGTH) return -1
    if (isCompressing && replyLength >= COMPRESSION_THRESHOLD) return -1

    const replySize = sizeOfFrame(replyLength)
    const begin = at + headerSize
    const end = begin + length
    if (end > chunk.length || replySize > OUTPUT_SIZE) {
      const output = buffers.take(replySize)
      const payloadAt = startReply(output.bytes, 0, first, replyLength, lead)
      const mask = Buffer.from(chunk.subarray(begin - 4, begin))
      this.partial = { ...output, payloadAt, filled: payloadAt, mask }
      return begin
    }

    if (buffers.filled + replySize > OUTPUT_SIZE) this.flush()
    const { output, filled } = buffers
    const payloadAt = startReply(output.bytes, filled, first, replyLength, lead)
    const isAscii = unmaskInto(output, payloadAt, chunk, begin, length, chunk, begin - 4, 0)
    if (isText && !isAscii && !isUtf8(output.bytes.subarray(payloadAt, payloadAt + length))) return -1
    buffers.filled = filled + replySize
    count(buffers.batch, !isText, length)
    return end
  }

  /**
   * Takes more of a partial message, and sends the reply when the message is complete.
   * @param onInvalid called if a text message is not UTF-8
   * @returns where to continue in the chunk
   */
  proceed(chunk: Buffer, at: number, onInvalid: () => void): number {
    const { buffers, flow } = this.context
    const { partial } = this
    if (!partial) return at
    this.flush()
    const { bytes, payloadAt, filled, mask } = partial
    const isFirst = filled === payloadAt
    const taken = Math.min(bytes.length - filled, chunk.length - at)
    unmaskInto(partial, filled, chunk, at, taken, mask, 0, (filled - payloadAt) & 3)
    partial.filled += taken
    if (partial.filled < bytes.length) {
      flow.countKept(isFirst ? costOf(taken) : taken)
      return at + taken
    }

    this.partial = undefined
    if (!isFirst) flow.countKept(-costOf(filled - payloadAt))
    const isBinary = bytes[0] !== First.text
    const payload = bytes.subarray(payloadAt)
    if (isBinary || isUtf8(payload)) {
      count(buffers.batch, isBinary, payload.length)
      const messages = this.countReceived()
      flow.write(bytes, error => {
        if (error) return
        this.countSent(messages)
        buffers.giveBack(partial)
      })
    } else {
      onInvalid()
    }
    return at + taken
  }

  /** Drops a partial message. Returns the number of bytes that are still to come. */
  drop(): number {
    const { partial } = this
    if (!partial) return 0
    const { bytes, payloadAt, filled } = partial
    this.partial = undefined
    if (filled > payloadAt) this.context.flow.countKept(-costOf(filled - payloadAt))
    return bytes.length - filled
  }

  /** Sends the replies made so far. */
  flush(): void {
    const { flow, buffers } = this.context
    if (buffers.filled === 0) return
    // This may resume the reader, which may send the replies.
    flow.flush()
    const { output, filled } = buffers
    if (filled === 0) return
    buffers.filled = 0
    const messages = this.countReceived()
    const replies = output.bytes.subarray(0, filled)
    if (flow.isBehind) {
      // The replies have to wait, and should not keep the whole output in memory.
      flow.write(Buffer.from(replies), error => error || this.countSent(messages))
    } else if (flow.writeFirst(replies)) {
      this.countSent(messages)
    } else {
      buffers.output = createOutput(OUTPUT_SIZE)
      flow.writeBehind(costOf(filled), error => error || this.countSent(messages))
    }
  }

  /** Counts the messages of the batch as received, and starts a new batch. */
  private countReceived(): Tally {
    const { buffers, events } = this.context
    const { batch } = buffers
    buffers.batch = createTally()
    add(events.traffic.received, batch)
    return batch
  }

  private countSent(messages: Tally): void {
    const { events, leadOf } = this.context
    const { sent } = events.traffic
    add(sent, messages)
    sent.textBytes += messages.texts * leadOf(false).length
  }
}

/** Writes a reply's header and lead. Returns where the payload goes. */
function startReply(target: Buffer, at: number, first: number, length: number, lead: Buffer): number {
  at = writeHeader(target, at, first, length)
  for (let i = 0; i < lead.length; i++) target[at++] = lead[i] as number
  return at
}
