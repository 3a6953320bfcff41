import { COMPRESSION_THRESHOLD, cancelJob, compress, type Deflate } from './deflate.ts'
import { costOf, type Flow, type Written } from './flow.ts'
import { First, frameOf } from './frame-header.ts'

const RSV1 = 0x40

// Up to here a payload is copied behind its header. As a view it would keep the chunk that it came in, 64 KiB, waiting.
const COPIED = 2 ** 14

/** Sends final frames in their order, also while one of them is being compressed. */
export class Sender {
  /** The message that is being compressed, and what waits behind it; `undefined` while none is. */
  private queue: { act: () => void; cost: number }[] | undefined
  private readonly flow: Flow
  private readonly deflate: Deflate

  constructor(flow: Flow, deflate: Deflate) {
    this.flow = flow
    this.deflate = deflate
  }

  /** Whether a frame that is written now overtakes none. */
  get isIdle(): boolean {
    return this.queue === undefined
  }

  /** Sends a frame, its message compressed where that was agreed and is worth it. */
  send(first: First, payload: Buffer, written: Written): void {
    const { deflate } = this
    const isCompressed = deflate && first <= First.binary && payload.length >= COMPRESSION_THRESHOLD
    this.afterwards(() => {
      if (isCompressed) this.compress(deflate.windowBits, first, payload, written)
      else this.write(first, payload, written)
    }, payload.length)
  }

  /** Calls back when everything sent so far has been written to the socket; until then, this many bytes wait. */
  afterwards(act: () => void, length = 0): void {
    if (!this.queue) return void act()
    const cost = costOf(length)
    this.flow.countWaiting(cost)
    this.queue.push({ act, cost })
  }

  /** Discards the message that waits for zlib and everything queued behind it. Does nothing once zlib has started. */
  drop(): void {
    if (!this.queue || !cancelJob(this)) return
    const cost = this.queue.reduce((sum, { cost }) => sum + cost, 0)
    this.queue = undefined
    this.flow.countWaiting(-cost)
  }

  private compress(windowBits: number, first: First, payload: Buffer, written: Written): void {
    // Its own entry has nothing left to do: the callback below writes the message.
    const queue = [{ act: () => {}, cost: costOf(payload.length) }]
    this.queue = queue
    this.flow.countWaiting(costOf(payload.length))
    compress(this, payload, windowBits, this.flow, compressed => {
      this.write(first | RSV1, compressed, written)
      let cost = 0
      for (const [i, entry] of queue.entries()) {
        cost += entry.cost
        entry.act()
        // That was another one to be compressed: the rest waits behind it.
        if (this.queue !== queue) {
          for (const rest of queue.slice(i + 1)) this.queue?.push(rest)
          break
        }
      }
      if (this.queue === queue) this.queue = undefined
      // Only now: it may release the reader, whose next replies must not overtake these.
      this.flow.countWaiting(-cost)
    })
  }

  private write(first: number, payload: Buffer, written: Written): void {
    const { length } = payload
    const copied = length <= COPIED ? length : 0
    this.flow.write(frameOf(first, payload, copied), written, copied === length ? undefined : payload)
  }
}
