import type { Behaviour, Close, Link, Message, Pipe } from '../connection/behaviour.ts'

// Milliseconds without a message after which a close frame that was passed on counts as answered. The peer that has closed
// waits for the answer, Chromium for 2 s.
const ANSWER_TIMEOUT = 1000

export type SideOptions = {
  link: Link
  /** Sends to the peer of this side. */
  pipe: Pipe
  /** Returns the other side, which may be created later. */
  other: () => Side
  /** Whether the other side has no connection of its own, so that it opens and stops with this one. */
  isAlone?: boolean
}

/** One side of a relay. Messages, the close frame and the end of its peer leave through the pipe of the other side. */
export class Side implements Behaviour {
  readonly ignoresPings: boolean
  readonly isUnwatched: boolean
  readonly closeDelay: number
  private readonly options: SideOptions
  /** Ends this side, whose peer has closed first and waits for the other peer. */
  private answer: (() => void) | undefined
  /** The answer of the other peer. `undefined` if it has ended without a close frame. */
  private answered: Close | undefined
  private hasPassedOn = false
  private hasStopped = false
  private isPonging = false
  private nextPong: Buffer | undefined
  private patience: NodeJS.Timeout | undefined

  constructor(options: SideOptions) {
    const { ignoresPings = false, isUnwatched = false, closeDelay = 0 } = options.pipe
    this.options = options
    this.ignoresPings = ignoresPings
    this.isUnwatched = isUnwatched
    this.closeDelay = closeDelay
  }

  onOpen(): void {
    const { pipe, other, isAlone } = this.options
    pipe.onOpen?.()
    if (isAlone) other().onOpen()
  }

  onMessage(message: Message): void {
    this.patience?.refresh()
    this.options.other().options.pipe.onMessage(message)
  }

  /**
   * While a pong waits, only the last ping is answered (RFC 6455, section 5.5.3), because the peer of a relay is read even
   * if it does not read.
   */
  onPing(payload: Buffer): void {
    const { link, isAlone } = this.options
    if (isAlone) return void link.pong(payload)
    if (this.isPonging) {
      this.nextPong = Buffer.from(payload)
      return
    }
    this.isPonging = true
    link.pong(payload, () => {
      const { nextPong } = this
      this.isPonging = false
      this.nextPong = undefined
      if (nextPong) this.onPing(nextPong)
    })
  }

  push(message: Message): void {
    this.options.pipe.push(message)
  }

  finish(done: () => void, closed: Close | undefined): void {
    this.answer = done
    this.onEnded(closed)
  }

  answerClose(answer: (code?: number | 'none', reason?: Buffer) => void): void {
    const { answered } = this
    const { link, pipe } = this.options
    if (!answered) return void link.drop('fin')
    const answerAs = (code?: number | 'none') =>
      code === undefined ? answer(answered.code, answered.reason) : answer(code)
    if (pipe.answerClose) pipe.answerClose(answerAs)
    else answerAs()
  }

  onGone(closed: Close | undefined): void {
    this.onEnded(closed)
    const { link, pipe } = this.options.other().options
    pipe.afterReplies(() => link.abandon())
    // A client counts towards MAX_CONNECTIONS until its own end, but nobody would limit connections to a backend.
    if (link.isClient) link.expire()
  }

  stop(): void {
    const { pipe, other, isAlone } = this.options
    this.hasStopped = true
    pipe.stop?.()
    if (isAlone) other().stop()
  }

  /** The peer of the other side has closed or ended: ends this side after everything that came before. */
  end(closed: Close | undefined): void {
    const { link, pipe } = this.options
    const endNow = () => {
      this.answered = closed
      if (this.answer) return this.answer()
      // The peer that has closed must not wait for one that does not answer.
      if (closed) this.patience = setTimeout(() => this.onEnded(closed), ANSWER_TIMEOUT)
      link.pass(closed)
    }
    // Nobody waits for delayed messages if the peer of this side has closed first.
    if (this.answer) pipe.finish(endNow, closed)
    // A pipe that has stopped calls nobody back.
    else if (this.hasStopped) endNow()
    else pipe.afterReplies(endNow)
  }

  onEnded(closed: Close | undefined): void {
    clearTimeout(this.patience)
    if (this.hasPassedOn) return
    this.hasPassedOn = true
    this.options.other().end(closed)
  }
}

/**
 * Creates the link of a side without a connection, whose messages are answered on the same connection.
 * @param link of the connection
 * @param pipe answers messages
 * @param side returns the side without a connection
 */
export function createInlet(link: Link, pipe: Pipe, side: () => Side): Link {
  return {
    isClient: true,
    send(message, _kind, onSent) {
      pipe.onMessage(message)
      onSent?.()
    },
    write: (bytes, onSent) => link.judge(bytes, onSent),
    countSent() {},
    countWaiting: cost => link.countWaiting(cost),
    countPending: bytes => link.countPending(bytes),
    logFault: (name, text) => link.logFault(name, text),
    recordFault: (name, text) => link.recordFault(name, text),
    close: (code, reason) => side().onEnded({ code, reason: Buffer.from(reason) }),
    pass: closed => side().onEnded(closed),
    abandon() {},
    expire() {},
    drop: () => side().onEnded(undefined),
    silence() {},
    stall: () => link.stall(),
    limitRate: bytesPerSecond => link.limitReading(bytesPerSecond),
    limitReading: bytesPerSecond => link.limitReading(bytesPerSecond),
    slice: bytes => link.slice(bytes),
    judge: (frames, done) => link.judge(frames, done),
    pong: (payload, onSent) => link.pong(payload, onSent),
    checkPeer: interval => link.checkPeer(interval),
  }
}
