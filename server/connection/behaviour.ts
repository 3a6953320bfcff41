export type Message = {
  payload: Buffer
  isBinary: boolean
  /** The memory that it takes while it waits, in bytes, if that is more than its payload. */
  cost?: number
}

/** A close frame. The code is 1005 if it has none (RFC 6455, section 7.1.5). */
export type Close = { code: number; reason: Buffer }

/** Whether a message is a reply to another one. */
export type Kind = 'reply' | 'push'

/** The part of a connection that its behaviour can see and use. */
export type Outlet = {
  /** Sends a message, and calls back when it has been sent. */
  send(message: Message, kind: Kind, onSent?: () => void): void
  /** Writes raw bytes, and calls back when they have been sent. */
  write(bytes: Buffer, onSent: () => void): void
  /** Counts and logs a message that was sent by `write`. */
  countSent(isBinary: boolean, bytes: number, kind: Kind): void
  /** Counts memory of messages that start to wait in the behaviour. Negative when they stop. */
  countWaiting(cost: number): void
  /** Counts memory of replies that are still to be made. Negative when they are made. */
  countPending(bytes: number): void
  /** Logs and records that a fault happens. `text` is the parameter as it was written. */
  logFault(name: string, text: string): void
  /** Records it in the journal and the metrics alone. */
  recordFault(name: string, text: string): void
  close(code: number, reason: string): void
  drop(how: 'fin' | 'rst'): void
  /** Sends nothing more, whatever arrives. */
  silence(): void
  /** Sends and reads nothing more. */
  stall(): void
  /** Limits the bytes sent per second until this side closes. */
  limitRate(bytesPerSecond: number): void
  /** Limits the bytes read per second until this side closes. Call it once. */
  limitReading(bytesPerSecond: number): void
  /** Sends everything in TCP segments of at most this many bytes, 2 ms apart, until this side closes. */
  slice(bytes: number): void
  /** Whether frames that are written must be masked. */
  readonly isClient?: boolean
  /** Sends a ping, or ends the connection if the last one was not answered. */
  checkPeer(interval: number): void
}

/** What a relay can do with a connection, too. */
export type Link = Outlet & {
  /**
   * Passes on the end of another connection: its close frame, or an end without one. Until the peer answers, it may go on
   * sending messages.
   */
  pass(closed: Close | undefined): void
  /** Drops messages that still arrive after `pass`. */
  abandon(): void
  /** Ends the connection in 10 minutes if it is still there. */
  expire(): void
  /** Judges frames as if the peer had sent them. Calls back if they are valid. */
  judge(frames: Buffer, done: () => void): void
  pong(payload: Buffer, onSent?: () => void): void
}

/** Decides what a connection does with its messages. */
export type Behaviour = {
  readonly ignoresPings?: boolean
  /** Whether the server's heartbeat skips this connection. */
  readonly isUnwatched?: boolean
  onOpen?(): void
  onMessage(message: Message): void
  /** Answers a ping in place of the connection. */
  onPing?(payload: Buffer): void
  /** Sends a message that is not a reply. */
  push(message: Message): void
  /** The peer has closed, or ended its side without a close frame: sends everything that is due, and calls back. */
  finish(done: () => void, closed: Close | undefined): void
  /** By how many milliseconds the answer to the peer's close frame is late. */
  readonly closeDelay?: number
  /** Calls back to answer the peer's close frame, with the close code of the answer if it is another one or `none`. */
  answerClose?(answer: (code?: number | 'none', reason?: Buffer) => void): void
  /** The peer has closed, ended its side or failed in a state without `finish`. May be called several times. */
  onEnded?(closed: Close | undefined): void
  /** The connection is gone. Nothing more can be sent or arrive. */
  onGone?(closed: Close | undefined): void
  /** Nothing can be sent any more: drops waiting messages and stops all timers. */
  stop?(): void
}

/** A behaviour that answers messages, or sends those of another connection. */
export type Pipe = Behaviour & {
  /** Calls back when everything so far has been sent, however late that is. */
  afterReplies(callback: () => void): void
}

/** Answers every message at once. */
export class PlainBehaviour implements Pipe {
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

  afterReplies(callback: () => void): void {
    callback()
  }
}
