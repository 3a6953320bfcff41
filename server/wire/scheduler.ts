// Milliseconds that one connection may work at a time, and less while others wait for their tick.
const SLICE = 1
const SHORT_SLICE = 0.1

// Milliseconds that all who wait for their tick get together, before the event loop looks for something new.
const ROUND = 5

/**
 * Shares the event loop. A connection that has much to do works until its slice is over, and then waits for its next
 * tick behind the others, so that one that has little to do is served in between.
 */
export class Scheduler {
  /** Counts the turns of the event loop in which anybody works. */
  private tick = 0
  private waiting: (() => void)[] = []
  private isScheduled = false
  private isTickOpen = false

  /** Begins to work. @returns the tick of the event loop */
  currentTick(): number {
    if (!this.isTickOpen) {
      this.isTickOpen = true
      setImmediate(this.endTick)
    }
    return this.tick
  }

  /** @returns when a slice that begins now is over, as `performance.now()` tells the time */
  sliceEnd(): number {
    return performance.now() + (this.waiting.length > 0 ? SHORT_SLICE : SLICE)
  }

  /** Calls back when it is this one's tick. */
  wait(proceed: () => void): void {
    this.waiting.push(proceed)
    if (this.isScheduled) return
    this.isScheduled = true
    setImmediate(() => this.run())
  }

  private readonly endTick = () => {
    this.isTickOpen = false
    this.tick++
  }

  private run(): void {
    const end = performance.now() + ROUND
    const round = this.waiting
    this.waiting = []
    let done = 0
    while (done < round.length && performance.now() < end) round[done++]?.()
    // Those that had no tick go first in the next round.
    this.waiting = [...round.slice(done), ...this.waiting]
    this.isScheduled = this.waiting.length > 0
    if (this.isScheduled) setImmediate(() => this.run())
  }
}
