/** Somebody for whom bytes are kept in memory: how many, at what they cost. */
type Holding = { readonly holding: number }

/** Somebody who can be kept from holding more. */
export type Throttled = Holding & { throttle(isOn: boolean): void }

/** Somebody who can be ended, and then holds nothing any more. */
export type Holder = Holding & { shed(): void }

// Nobody is bothered for holding less than this, or, where there are many, than half of an equal share.
const SMALL = 2 ** 15

// Milliseconds between two looks at whether pressing has helped, and until those that hold most are ended if it hasn't.
const CHECK_INTERVAL = 100
const SHED_AFTER = 1000

/**
 * The memory that peers together may make the server keep. Nobody may hold more than what is still free: whoever does is
 * not read from. Where that doesn't help, or can't, those that hold most are ended.
 */
export class Budget {
  /** Bytes that are kept for all peers together, at what they cost. */
  bytes = 0
  readonly limit: number
  private readonly holders: () => Holder[]
  /** What counts as little; it is told anew with every look at the holders. */
  private small = SMALL
  private readonly throttled = new Set<Throttled>()
  private timer: NodeJS.Timeout | undefined
  private isShedding = false
  /** Since when most of it has been in use. */
  private scarceSince: number | undefined

  /** @param holders everybody who may hold much */
  constructor(limit: number, holders: () => Holder[]) {
    this.limit = limit
    this.holders = holders
  }

  /** Counts bytes that begin to be kept, or, when negative, that are kept no longer. */
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
      // Not at once: whoever is to be ended may be in the middle of something.
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

  /** Ends those that hold most, until half of the memory is free. */
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
