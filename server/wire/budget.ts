/** Keeps bytes in memory for a peer. */
type Holding = { readonly holding: number }

/** A holder that can be stopped from taking more. */
export type Throttled = Holding & { throttle(isOn: boolean): void }

/** A holder that can be ended, which frees its memory. */
export type Holder = Holding & { shed(): void }

// Nobody is throttled or ended for holding less than this, or less than half of an equal share if there are many
// holders.
const SMALL = 2 ** 15

// Milliseconds between checks of throttled holders, and until the largest holders are ended if throttling does not
// help.
const CHECK_INTERVAL = 100
const SHED_AFTER = 1000

/**
 * The memory that the server may keep for all peers together. Nobody may hold more than is still free: the server stops
 * reading from a peer that does. If that does not help, it ends the peers that hold most.
 */
export class Budget {
  /** Memory in use for all peers together, in bytes. */
  bytes = 0
  readonly limit: number
  private readonly holders: () => Holder[]
  /** The size below which nobody is throttled. Computed at each check. */
  private small = SMALL
  private readonly throttled = new Set<Throttled>()
  private timer: NodeJS.Timeout | undefined
  private isShedding = false
  /** Since when most of the memory has been in use. */
  private scarceSince: number | undefined

  /** @param holders returns everybody who may hold much memory */
  constructor(limit: number, holders: () => Holder[]) {
    this.limit = limit
    this.holders = holders
  }

  /** Counts memory that is now in use. Negative when it is freed. */
  add(cost: number, holder?: Throttled): void {
    this.bytes += cost
    if (cost <= 0) return
    const { bytes, limit } = this
    if (holder && holder.holding > Math.max(this.small, limit - bytes) && !this.throttled.has(holder)) {
      this.throttled.add(holder)
      holder.throttle(true)
    }
    if (bytes > limit && !this.isShedding) {
      this.isShedding = true
      // Not at once, because the holder may be in the middle of something.
      setImmediate(() => {
        this.isShedding = false
        if (this.bytes > limit) this.shed()
      })
    }
    if (this.throttled.size > 0) this.timer ??= setInterval(() => this.check(), CHECK_INTERVAL).unref()
  }

  /** Forgets a holder that is gone. */
  forget(holder: Throttled): void {
    this.throttled.delete(holder)
  }

  private check(): void {
    const free = this.limit - this.bytes
    this.small = this.shareOf(this.holders().length)
    const isScarce = free < this.limit / 4 || this.throttled.size > 0
    this.scarceSince = isScarce ? (this.scarceSince ?? performance.now()) : undefined
    if (this.scarceSince !== undefined && performance.now() - this.scarceSince >= SHED_AFTER) this.shed()
    for (const holder of this.throttled) {
      if (holder.holding > Math.max(this.small, free)) continue
      this.throttled.delete(holder)
      holder.throttle(false)
    }
    if (this.throttled.size > 0) return
    clearInterval(this.timer)
    this.timer = undefined
    this.scarceSince = undefined
    this.small = SMALL
  }

  private shareOf(holders: number): number {
    return Math.min(SMALL, this.limit / 2 / holders)
  }

  /** Ends the largest holders until half of the memory is free. */
  private shed(): void {
    const holders = this.holders()
    this.small = this.shareOf(holders.length)
    const candidates = holders.filter(({ holding }) => holding > this.small)
    candidates.sort((a, b) => b.holding - a.holding)
    let left = this.bytes
    for (const holder of candidates) {
      if (left <= this.limit / 2) break
      left -= holder.holding
      holder.shed()
    }
  }
}
