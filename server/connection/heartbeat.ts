// Spreads the pings over the interval, so that not all connections are pinged at once. One timer serves them all.
const SLOTS = 30

// With more bytes than this on the way to a peer, its pong may be late.
const LIGHT = 2 ** 16

type Visited = { slot: number; onHeartbeat(interval: number): void }

/**
 * @param all sets of connections
 * @param interval milliseconds; 0 turns the heartbeat off
 */
export function createHeartbeat(all: Iterable<Visited>[], interval: number) {
  let slot = 0
  const visit = () => {
    slot = (slot + 1) % SLOTS
    for (const connections of all) {
      for (const connection of connections) if (connection.slot === slot) connection.onHeartbeat(interval)
    }
  }
  const timer = interval > 0 ? setInterval(visit, interval / SLOTS).unref() : undefined

  return {
    /** Calls `onHeartbeat` at every interval from now on. */
    start(connection: Visited): void {
      connection.slot = slot
    },

    stop: () => clearInterval(timer),
  }
}

/** The progress of a peer. `isBehind` means that bytes wait in the socket, or that the peer is not read from. */
type Progress = { bytesRead: number; bytesWritten: number; isBehind: boolean }

/**
 * Decides at each heartbeat whether a peer is alive. Any byte that it sends or takes counts. Silence proves nothing
 * while a ping may wait behind many bytes that the peer has yet to read.
 */
export class Liveness {
  private bytesRead = -1
  /** The bytes written before the last ping, and before the last ping that was answered. */
  private pingedAt = 0
  private answeredAt = 0
  private missed = 0

  /** @returns whether to send a ping, to wait, or to end the connection */
  check(progress: Progress, interval: number, stallTimeout: number): 'ping' | 'wait' | 'lost' {
    const { bytesRead, bytesWritten, isBehind } = progress
    if (!isBehind && bytesRead === this.bytesRead) {
      this.missed++
      const isLoaded = bytesWritten - this.answeredAt > LIGHT
      return isLoaded && this.missed * interval < stallTimeout ? 'wait' : 'lost'
    }
    this.missed = 0
    // Bytes that stay in the socket have a timeout of their own.
    this.bytesRead = isBehind ? -1 : bytesRead
    if (isBehind) return 'wait'
    this.pingedAt = bytesWritten
    return 'ping'
  }

  /** A pong has arrived, so everything before the ping has arrived as well. */
  onPong(): void {
    this.answeredAt = this.pingedAt
  }
}
