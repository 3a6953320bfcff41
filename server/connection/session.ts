import { printable } from '../log.ts'
import type { Traffic } from '../wire/traffic.ts'
import type { Message } from './behaviour.ts'
import type { Connection, Peer } from './connection.ts'

/** The protocol of a session, as the log and the control port name it. */
export type ProtocolName = 'websocket' | 'socket.io' | 'signalr'

/** Extra state that exists only if there is an observer. Durations are in ms, times as of `performance.now()`. */
export type Observation = {
  peer: Peer
  openedAt: number
  pingedAt: number | undefined
  roundTrip: number | undefined
  /** The connection to the backend, if there is one. */
  upstream?: Connection
}

/** Starts to observe a session with this peer. */
export const observe = (peer: Peer): Observation => ({
  peer,
  openedAt: performance.now(),
  pingedAt: undefined,
  roundTrip: undefined,
})

const shown = (text: string | undefined) => text && printable(text)

/** Returns the fields of the log that describe a peer. */
export const describePeer = ({ address, path, faults, ignored, usedUp }: Peer) => ({
  address,
  path: shown(path),
  faults: shown(faults),
  ignored: shown(ignored),
  usedUp: shown(usedUp),
})

/** One client of the server: a WebSocket, or a session of a protocol that may use several TCP connections. */
export type Session = {
  readonly protocol: ProtocolName
  readonly id: number
  /** The test to which it belongs. Only known if there is an observer. */
  readonly testId: string | undefined
  readonly observation: Observation | undefined
  /** The messages so far. */
  readonly traffic: Traffic
  /** All bytes of its sockets, including headers. */
  readonly bytes: { read: number; written: number }
  /** Memory of the bytes that wait to be sent. */
  readonly waiting: number
  /** Memory kept for it in both directions, in bytes. */
  readonly holding: number
  /** The slot of the heartbeat. */
  slot: number
  /** Called once in each interval of this many milliseconds, after the heartbeat has started it. */
  onHeartbeat(interval: number): void
  /**
   * Sends a message that is not a reply.
   * @returns false if the peer does not read, or the session is closing
   */
  push(message: Message): boolean
  /**
   * Closes it by the means of its protocol, even if it has stalled.
   * @returns whether it was open before
   */
  dismiss(code: number, reason: string): boolean
  /**
   * Ends its TCP connections without a word of its protocol.
   * @returns whether this call ended it
   */
  drop(how: 'fin' | 'rst'): boolean
  /** Ends it because the server shuts down. */
  goAway(): void
  destroy(): void
  /** Ends it at once to free memory. */
  shed(): void
}
