/** Decides when to reconnect. */
export type Reconnect = {
  /** Plans the next attempt. Call this whenever a connection ends unexpectedly or a handshake fails. */
  closed(): void
  opened(): void
  /** Cancels the planned attempt and resets the delay. */
  stop(): void
  /** Makes the planned attempt, if any, immediately, for example because the network is back. */
  retryNow(): void
}

type ReconnectOptions = {
  connect: () => void
  /** Called with the time of the next attempt in ms since the epoch, or `undefined` when it is no longer planned. */
  onWait: (until: number | undefined) => void
  /** Returns a number from 0 to 1. */
  random?: () => number
  /** Returns the time in ms since the epoch. */
  now?: () => number
}

const FIRST_DELAY = 1000
const LONGEST_DELAY = 30_000
/** Only a connection that lasts this long in ms resets the delay: a server may accept connections and drop them. */
const STABLE_AFTER = 5000
/** The clock is checked every second, because timers pause while the machine sleeps. */
const TICK = 1000

/** Creates a schedule with exponential backoff, whose delays are random in their upper half. */
export function createReconnect({
  connect,
  onWait,
  random = Math.random,
  now = Date.now,
}: ReconnectOptions): Reconnect {
  let attempts = 0
  let openedAt: number | undefined
  let until: number | undefined
  let timer: ReturnType<typeof setTimeout> | undefined

  function wait(next: number | undefined) {
    clearTimeout(timer)
    if (until === next) return
    until = next
    onWait(until)
  }

  function check() {
    if (until === undefined) return
    const left = until - now()
    if (left <= 0) attempt()
    else timer = setTimeout(check, Math.min(left, TICK))
  }

  function attempt() {
    wait(undefined)
    connect()
  }

  return {
    closed() {
      if (openedAt !== undefined && now() - openedAt >= STABLE_AFTER) attempts = 0
      openedAt = undefined
      const delay = Math.min(FIRST_DELAY * 2 ** attempts++, LONGEST_DELAY)
      wait(now() + (delay / 2) * (1 + random()))
      check()
    },

    opened() {
      openedAt = now()
    },

    stop() {
      attempts = 0
      openedAt = undefined
      wait(undefined)
    },

    retryNow() {
      if (until !== undefined) attempt()
    },
  }
}
