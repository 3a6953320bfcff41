import type { EchoSocket } from './connection.ts'

// Connections are pinged in turns, so that many of them are not pinged all at once; one timer serves them all.
const TURNS = 30

export type Heartbeat = {
  /** To be called for a connection when it opens: its first ping falls due after an interval. */
  start(ws: EchoSocket): void
  stop(): void
}

/**
 * Pings each connection at every interval, and ends it when nothing at all came since the last ping.
 * @param interval milliseconds; 0 is off
 */
export function createHeartbeat(connections: ReadonlySet<EchoSocket>, interval: number): Heartbeat {
  let turn = 0
  const beat = () => {
    turn = (turn + 1) % TURNS
    for (const ws of connections) if (ws.turn === turn) ws.beat()
  }
  const timer = interval > 0 ? setInterval(beat, interval / TURNS).unref() : undefined

  return {
    start(ws) {
      ws.turn = turn
    },
    stop() {
      clearInterval(timer)
    },
  }
}
