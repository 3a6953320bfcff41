// Milliseconds that a connection may work at a time, and the shorter time while others wait.
const SLICE = 1
const SHORT_SLICE = 0.1

// Milliseconds that the waiting connections get per tick of the event loop, before it handles new events.
const ROUND = 5

/**
 * Shares the event loop between connections. A connection with much to do works for a time slice, then queues behind
 * the others. Connections with little to do are served in between.
 */
export class Scheduler {
  /** Counts the ticks of the event loop in which a connection works. */
  private tick = 0
  private waiting: (() => void)[] = []
  private isScheduled = false
  private isTickOpen = false

  /** Returns the number of the current tick of the event loop. */
  currentTick(): number {
    if (!this.isTickOpen) {
      this.isTickOpen = true
      setImmediate(this.endTick)
    }
    return this.tick
  }

  /** @returns the end of a slice that begins now, as of `performance.now()` */
  sliceEnd(): number {
    return performance.now() + (this.waiting.length > 0 ? SHORT_SLICE : SLICE)
  }

  /** Calls back when this connection may work. */
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
    // Those that had to wait go first in the next round.
    this.waiting = [...round.slice(done), ...this.waiting]
    this.isScheduled = this.waiting.length > 0
    if (this.isScheduled) setImmediate(() => this.run())
  }
}
