/** Somebody for whom bytes are kept in memory: how many, at what they cost. */
type Holding = { readonly holding: number }

/** Somebody who can be kept from holding more. */
export type Pressable = Holding & { press(isOn: boolean): void }

/** Somebody who can be ended, and then holds nothing any more. */
export type Holder = Holding & { shed(): void }

// Nobody is bothered for holding less than this, or, where there are many, than half of an equal share.
const LITTLE = 2 ** 15

// Milliseconds between two looks at whether pressing has helped, and until those that hold most are ended if it hasn't.
const LOOK = 100
const PATIENCE = 1000

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
  private little = LITTLE
  private readonly pressed = new Set<Pressable>()
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
  add(cost: number, holder?: Pressable): void {
    this.bytes += cost
    if (cost <= 0) return
    const { bytes, limit } = this
    if (holder && holder.holding > Math.max(this.little, limit - bytes) && !this.pressed.has(holder)) {
      this.pressed.add(holder)
      holder.press(true)
    }
    if (bytes > limit && !this.isShedding) {
      this.isShedding = true
      // Not at once: whoever is to be ended may be in the middle of something.
      setImmediate(() => {
        this.isShedding = false
        if (this.bytes > limit) this.shed()
      })
    }
    if (this.pressed.size > 0) this.timer ??= setInterval(() => this.look(), LOOK).unref()
  }

  /** Forgets a holder that is gone. */
  forget(holder: Pressable): void {
    this.pressed.delete(holder)
  }

  private look(): void {
    const free = this.limit - this.bytes
    this.little = this.shareOf(this.holders().length)
    const isScarce = free < this.limit / 4 || this.pressed.size > 0
    this.scarceSince = isScarce ? (this.scarceSince ?? performance.now()) : undefined
    if (this.scarceSince !== undefined && performance.now() - this.scarceSince >= PATIENCE) this.shed()
    for (const holder of this.pressed) {
      if (holder.holding > Math.max(this.little, free)) continue
      this.pressed.delete(holder)
      holder.press(false)
    }
    if (this.pressed.size > 0) return
    clearInterval(this.timer)
    this.timer = undefined
    this.scarceSince = undefined
    this.little = LITTLE
  }

  private shareOf(holders: number): number {
    return Math.min(LITTLE, this.limit / 2 / holders)
  }

  /** Ends those that hold most, until half of the memory is free. */
  private shed(): void {
    const holders = this.holders()
    this.little = this.shareOf(holders.length)
    const candidates = holders.filter(({ holding }) => holding > this.little)
    candidates.sort((a, b) => b.holding - a.holding)
    let left = this.bytes
    for (const holder of candidates) {
      if (left <= this.limit / 2) break
      left -= holder.holding
      holder.shed()
    }
  }
}
