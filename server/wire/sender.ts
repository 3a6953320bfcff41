import { COMPRESSION_THRESHOLD, cancelJob, compress, type Deflate } from './deflate.ts'
import { costOf, type Flow, type Written } from './flow.ts'
import { First, frameOf, RSV1 } from './frame-header.ts'
import { maskedFrameOf } from './masking.ts'

// Payloads up to this size are copied behind their header. A view would keep the chunk of 64 KiB that they arrived in.
const COPIED = 2 ** 14

/** Sends final frames in order, even while one of them is being compressed. */
export class Sender {
  /** The message that is being compressed, and everything behind it. `undefined` if there is none. */
  private queue: { act: () => void; cost: number }[] | undefined
  private readonly flow: Flow
  private readonly deflate: Deflate

  constructor(flow: Flow, deflate: Deflate) {
    this.flow = flow
    this.deflate = deflate
  }

  /** Whether a frame could be written now without overtaking another. */
  get isIdle(): boolean {
    return this.queue === undefined
  }

  /** Sends a frame. Compresses long messages if that was negotiated, and with context takeover all of them. */
  send(first: First, payload: Buffer, written: Written): void {
    const { deflate } = this
    // With takeover, a short message can be worth compressing.
    const isCompressed =
      deflate && first <= First.binary && (deflate.takeover !== undefined || payload.length >= COMPRESSION_THRESHOLD)
    this.afterwards(() => {
      if (isCompressed) this.compress(deflate, first, payload, written)
      else this.write(first, payload, written)
    }, payload.length)
  }

  /** Calls back when all frames so far have been written to the socket. Until then, `length` bytes wait. */
  afterwards(act: () => void, length = 0): void {
    if (!this.queue) return void act()
    const cost = costOf(length)
    this.flow.countWaiting(cost)
    this.queue.push({ act, cost })
  }

  /** Drops the message that waits for zlib and everything behind it. Does nothing once zlib has started. */
  drop(): void {
    if (!this.queue || !cancelJob(this)) return
    const cost = this.queue.reduce((sum, { cost }) => sum + cost, 0)
    this.queue = undefined
    this.flow.countWaiting(-cost)
  }

  /** Drops what it can, and frees the memory of zlib. Nothing can be sent any more. */
  end(): void {
    this.drop()
    this.deflate?.takeover?.deflater?.end()
  }

  private compress(deflate: NonNullable<Deflate>, first: First, payload: Buffer, written: Written): void {
    // The message has an entry only for its memory: the callback below writes it.
    const queue = [{ act: () => {}, cost: costOf(payload.length) }]
    this.queue = queue
    this.flow.countWaiting(costOf(payload.length))
    compress(this, payload, deflate, this.flow, compressed => {
      this.write(first | RSV1, compressed, written)
      let cost = 0
      for (const [i, entry] of queue.entries()) {
        cost += entry.cost
        entry.act()
        // This entry has started another compression, so the rest must wait behind it.
        if (this.queue !== queue) {
          for (const rest of queue.slice(i + 1)) this.queue?.push(rest)
          break
        }
      }
      if (this.queue === queue) this.queue = undefined
      // Only now, because it may resume the reader, whose next replies must not overtake these.
      this.flow.countWaiting(-cost)
    })
  }

  private write(first: number, payload: Buffer, written: Written): void {
    if (this.flow.isClient) return void this.flow.write(maskedFrameOf(first, payload), written)
    const { length } = payload
    const copied = length <= COPIED ? length : 0
    this.flow.write(frameOf(first, payload, copied), written, copied === length ? undefined : payload)
  }
}
