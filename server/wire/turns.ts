// Milliseconds that one connection may work at a time, and less while others wait for their turn.
const SLICE = 1
const SHORT_SLICE = 0.1

// Milliseconds that all who wait for their turn get together, before the event loop looks for something new.
const ROUND = 5

/**
 * Shares the event loop. A connection that has much to do works until its slice is over, and then waits for its next
 * turn behind the others, so that one that has little to do is served in between.
 */
export class Turns {
  /** Counts the turns of the event loop in which anybody works. */
  private turn = 0
  private waiting: (() => void)[] = []
  private isScheduled = false
  private isTurnOpen = false

  /** Begins to work. @returns the turn of the event loop */
  begin(): number {
    if (!this.isTurnOpen) {
      this.isTurnOpen = true
      setImmediate(this.endTurn)
    }
    return this.turn
  }

  /** @returns when a slice that begins now is over, as `performance.now()` tells the time */
  sliceEnd(): number {
    return performance.now() + (this.waiting.length > 0 ? SHORT_SLICE : SLICE)
  }

  /** Calls back when it is this one's turn. */
  wait(proceed: () => void): void {
    this.waiting.push(proceed)
    if (this.isScheduled) return
    this.isScheduled = true
    setImmediate(() => this.run())
  }

  private readonly endTurn = () => {
    this.isTurnOpen = false
    this.turn++
  }

  private run(): void {
    const end = performance.now() + ROUND
    const round = this.waiting
    this.waiting = []
    let done = 0
    while (done < round.length && performance.now() < end) round[done++]?.()
    // Those that had no turn go first in the next round.
    this.waiting = [...round.slice(done), ...this.waiting]
    this.isScheduled = this.waiting.length > 0
    if (this.isScheduled) setImmediate(() => this.run())
  }
}
