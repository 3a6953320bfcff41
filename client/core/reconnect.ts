/** When to connect again. */
export type Reconnect = {
  /** Plans the next attempt: to be called at each end that nobody asked for, failed handshakes included. */
  closed(): void
  opened(): void
  /** Drops what is planned, and starts over. */
  stop(): void
  /** Makes the planned attempt at once, if there is one: the network is back, or the machine awake. */
  retryNow(): void
}

type ReconnectOptions = {
  connect: () => void
  /** Called with the time of the next attempt, in ms since the epoch, and with `undefined` when none is planned any more. */
  onWait: (until: number | undefined) => void
  /** From 0 to 1. */
  random?: () => number
  /** ms since the epoch. */
  now?: () => number
}

const FIRST_DELAY = 1000
const LONGEST_DELAY = 30_000
/** A server that accepts and drops at once is not to be hammered. */
const LASTING = 5000
/** The timers of a machine that slept go on where they stopped: the clock is asked each second. */
const TICK = 1000

/** Creates a plan that waits twice as long from attempt to attempt, half of it by chance, and starts over once one lasts. */
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
      if (openedAt !== undefined && now() - openedAt >= LASTING) attempts = 0
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
