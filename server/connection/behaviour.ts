export type Message = { payload: Buffer; isBinary: boolean }

/** Whether a message answers another. */
export type Kind = 'reply' | 'push'

/** What a behaviour can do to its connection, and all that it sees of it. */
export type Outlet = {
  /** Sends a message, and calls back when it has left. */
  send(message: Message, kind: Kind, onSent?: () => void): void
  /** Writes bytes as they are, and calls back when they have left. */
  write(bytes: Buffer, onSent: () => void): void
  /** Counts and logs a message that has left by `write`. */
  countSent(isBinary: boolean, bytes: number, kind: Kind): void
  /** Counts bytes that begin to wait in the behaviour, or, when negative, that wait no longer. */
  countWaiting(cost: number): void
  /** Counts bytes of replies that are still to be made, or, when negative, that have been. */
  countPending(bytes: number): void
  /** Logs that a fault happens. */
  logFault(fault: string): void
  close(code: number, reason: string): void
  drop(how: 'fin' | 'rst'): void
  /** Sends nothing more, whatever comes. */
  silence(): void
  /** Sends nothing more, and reads nothing more. */
  stall(): void
  /** Lets no more bytes leave in a second, until this side closes. */
  limitRate(bytesPerSecond: number): void
  /** Pings the peer, or gives it up if it has been silent since the last ping. */
  checkPeer(interval: number): void
}

/** What a connection does with what comes. */
export type Behaviour = {
  readonly ignoresPings?: boolean
  /** Whether the server's heartbeat leaves the peer alone. */
  readonly isUnwatched?: boolean
  onOpen?(): void
  onMessage(message: Message): void
  /** Sends a message that answers none. */
  push(message: Message): void
  /** The peer has closed: sends what is due, and calls back. */
  finish(done: () => void): void
  /** Nothing is sent any more: forgets what waits, and ends every timer. */
  stop?(): void
}

/** Answers every message at once. */
export class PlainBehaviour implements Behaviour {
  private readonly outlet: Outlet
  private readonly answer: (message: Message) => Message

  constructor(outlet: Outlet, answer: (message: Message) => Message) {
    this.outlet = outlet
    this.answer = answer
  }

  onMessage(message: Message): void {
    this.outlet.send(this.answer(message), 'reply')
  }

  push(message: Message): void {
    this.outlet.send(message, 'push')
  }

  finish(done: () => void): void {
    done()
  }
}
