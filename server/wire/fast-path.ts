import { isUtf8 } from 'node:buffer'
import { COMPRESSION_THRESHOLD } from './deflate.ts'
import { costOf, type Flow } from './flow.ts'
import { First, sizeOfFrame, writeHeader } from './frame-header.ts'
import { createOutput, type Output, unmaskInto } from './masking.ts'
import { add, count, createTally, type Tally, type Traffic } from './traffic.ts'

// Replies are put together here up to this size. `ws` grows with what really arrives, which suits larger ones better.
const MAX_LENGTH = 2 ** 20
const OUTPUT_SIZE = 2 ** 16

// Large buffers kept for the next reply of the same size: touching fresh memory costs more than filling it.
const MAX_SPARES = 8

/** The memory in which replies are made, shared by all connections: each leaves it empty behind. */
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
  /** The bytes that precede a message's own in its reply. */
  leadOf: (isBinary: boolean) => Buffer
  maxPayload: number
  buffers: ReplyBuffers
}

type Context = FastPathOptions & {
  flow: Flow
  /** Whether long replies have to be compressed, which is left to others. */
  isCompressing: boolean
  /** Where messages are counted. */
  events: { readonly traffic: Traffic }
}

/** A reply that waits for the rest of its message. */
type Partial = Output & { payloadAt: number; filled: number; mask: Buffer }

/**
 * Echoes a final, masked, uncompressed text or binary frame straight from the chunk that it came in, with the replies of
 * a chunk in one write. `npm run bench` shows what that saves.
 */
export class FastPath {
  private partial: Partial | undefined
  private readonly context: Context

  constructor(context: Context) {
    this.context = context
  }

  /** Whether a message has come only in part. */
  get isWithin(): boolean {
    return this.partial !== undefined
  }

  /**
   * Takes the message whose frame begins at `at`, or what there is of it.
   * @returns where the chunk goes on, or -1 if the message isn't one for the fast path
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
   * Takes more of a message that has come in part, and sends its reply when it is whole.
   * @param onInvalid is called if it should be UTF-8 and isn't
   * @returns where the chunk goes on
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

  /** Forgets a message that has come in part, and returns how many bytes of it are still to come. */
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
    // It may release the reader, and so send what is here.
    flow.flush()
    const { output, filled } = buffers
    if (filled === 0) return
    buffers.filled = 0
    const messages = this.countReceived()
    const replies = output.bytes.subarray(0, filled)
    if (flow.isBehind) {
      // They will wait in the queue, and so would all of the output's memory.
      flow.write(Buffer.from(replies), error => error || this.countSent(messages))
    } else if (flow.writeFirst(replies)) {
      this.countSent(messages)
    } else {
      buffers.output = createOutput(OUTPUT_SIZE)
      flow.writeBehind(costOf(filled), error => error || this.countSent(messages))
    }
  }

  /** Counts the messages whose replies are in the output as received, and begins a new batch. */
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

/** Writes a reply's header and lead, and returns where the message's payload goes. */
function startReply(target: Buffer, at: number, first: number, length: number, lead: Buffer): number {
  at = writeHeader(target, at, first, length)
  for (let i = 0; i < lead.length; i++) target[at++] = lead[i] as number
  return at
}
