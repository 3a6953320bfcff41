// Connections are visited in turns, so that many of them are not pinged all at once; one timer serves them all.
const SLOTS = 30

// Bytes that may be on their way to a peer without making it late with its pong.
const LIGHT = 2 ** 16

type Visited = { slot: number; onHeartbeat(interval: number): void }

/** @param interval milliseconds; 0 is off */
export function createHeartbeat(connections: Iterable<Visited>, interval: number) {
  let slot = 0
  const visit = () => {
    slot = (slot + 1) % SLOTS
    for (const connection of connections) if (connection.slot === slot) connection.onHeartbeat(interval)
  }
  const timer = interval > 0 ? setInterval(visit, interval / SLOTS).unref() : undefined

  return {
    /** Visits a connection at every interval from now on. */
    start(connection: Visited): void {
      connection.slot = slot
    },

    stop: () => clearInterval(timer),
  }
}

/** How far a peer has got, seen from this side of its socket; `isBehind` while bytes wait in it, or nothing is read. */
type Progress = { bytesRead: number; bytesWritten: number; isBehind: boolean }

/**
 * Judges at each heartbeat whether a peer lives. Whatever comes from it is life, and so is what it takes: while a ping
 * may wait behind much that the peer still has to read, silence says nothing.
 */
export class Liveness {
  private bytesRead = -1
  /** What had been written before the last ping, and before the last one that was answered. */
  private pingedAt = 0
  private answeredAt = 0
  private missed = 0

  /** @returns what to do: send a ping, wait, or give the peer up */
  check(progress: Progress, interval: number, stallTimeout: number): 'ping' | 'wait' | 'lost' {
    const { bytesRead, bytesWritten, isBehind } = progress
    if (!isBehind && bytesRead === this.bytesRead) {
      this.missed++
      const isLoaded = bytesWritten - this.answeredAt > LIGHT
      return isLoaded && this.missed * interval < stallTimeout ? 'wait' : 'lost'
    }
    this.missed = 0
    // What doesn't leave the socket has a deadline of its own.
    this.bytesRead = isBehind ? -1 : bytesRead
    if (isBehind) return 'wait'
    this.pingedAt = bytesWritten
    return 'ping'
  }

  /** A pong came: everything before the ping has arrived. */
  onPong(): void {
    this.answeredAt = this.pingedAt
  }
}
