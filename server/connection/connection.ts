import { type Logger, printable, printablePayload } from '../log.ts'
import { Hold } from '../wire/flow.ts'
import { First, firstOf } from '../wire/frame-header.ts'
import { limitRate, slice } from '../wire/pace.ts'
import { count, createTraffic, type Traffic } from '../wire/traffic.ts'
import { Wire, type WireEvents, type WireOpening, type WireOptions } from '../wire/wire.ts'
import type { Behaviour, Close, Kind, Link, Message } from './behaviour.ts'
import { Liveness } from './heartbeat.ts'
import type { Observer } from './observer.ts'
import { describePeer, type Observation, observe, type Session } from './session.ts'

/** A peer as its handshake describes it, and what was negotiated. */
export type Peer = {
  address: string
  path: string
  query: string
  subprotocol: string | undefined
  extensions: string | undefined
  /** The query if it requests faults, or `by default`. */
  faults?: string | undefined
  /** The names in a query that requests no faults. */
  ignored?: string | undefined
  /** The query if its faults are used up. */
  usedUp?: string | undefined
  /** The test to which the connection belongs. */
  testId: string | undefined
}

/** The result of a handshake, from which a connection starts. */
export type Opening = WireOpening & { id: number; peer: Peer; createBehaviour: (link: Link) => Behaviour }

export type ConnectionOptions = WireOptions & {
  logger: Logger
  observer: Observer | undefined
  onGone: (connection: Connection) => void
  side?: 'backend'
  /** What the log says about a message that was sent because of another one. */
  replied?: string
}

const NOTHING = Buffer.alloc(0)
const NEVER_CLOSED = { code: 1006, reason: NOTHING }

// Milliseconds for delayed messages to reach a backend whose client is gone. The longest delay with jitter takes as long.
const EXPIRY = 600_000

/** One WebSocket, from the handshake to the end. */
export class Connection implements Link, Session, WireEvents {
  readonly protocol = 'websocket'
  readonly id: number
  /** The slot of the heartbeat. */
  slot = 0
  observation: Observation | undefined
  /**
   * `silent` sends nothing, whatever arrives. `leaving` has passed on the end of another connection, and still takes
   * messages. `closing` waits for the peer's close frame or the end of its side.
   */
  private state: 'open' | 'silent' | 'leaving' | 'closing' | 'gone' = 'open'
  /** The code of the close frame that was sent, and the peer's close frame. */
  private sentCode: number | undefined
  private closed: Close | undefined
  /** Whether the peer has closed or ended its side, so that only due replies are sent. */
  private isFinishing = false
  private messages: Traffic | undefined
  /** Lifts the limits on sending. */
  private stopLimiting: (() => void) | undefined
  private readonly liveness = new Liveness()
  private readonly options: ConnectionOptions
  private readonly wire: Wire
  private readonly behaviour: Behaviour

  constructor(opening: Opening, options: ConnectionOptions) {
    const { id, peer } = opening
    const { logger, observer } = options
    this.id = id
    this.options = options
    this.wire = new Wire(opening, options, this)
    this.behaviour = opening.createBehaviour(this)
    if (observer) {
      this.observation = observe(peer)
      observer.opened()
    }
    const subprotocol = peer.subprotocol && printable(peer.subprotocol)
    logger.info({ ...this.label, ...describePeer(peer), subprotocol }, 'Connected!')
    this.behaviour.onOpen?.()
  }

  /** Whether messages can still be sent. */
  get isOpen(): boolean {
    return this.state === 'open'
  }

  get isClient(): boolean {
    return this.options.isClient === true
  }

  /** On the side of a relay that belongs to the backend. */
  get side(): 'backend' | undefined {
    return this.options.side
  }

  /** Connects the client on to a backend: as long as one of both does not take messages, the other is not read. */
  join(upstream: Connection): void {
    this.wire.flow.join(upstream.wire.flow)
    if (this.observation) this.observation.upstream = upstream
  }

  /** Memory of the bytes that wait to be sent. */
  get waiting(): number {
    return this.wire.flow.waiting
  }

  /** Names the connection in the log. */
  private get label() {
    return { connection: this.id, side: this.side }
  }

  /** Memory kept for this connection in both directions, in bytes. */
  get holding(): number {
    return this.wire.flow.holding
  }

  /** The test to which it belongs. Only known if there is an observer. */
  get testId(): string | undefined {
    return this.observation?.peer.testId
  }

  /** The messages so far. */
  get traffic(): Traffic {
    this.messages ??= createTraffic()
    return this.messages
  }

  /** All bytes of the socket, including frame headers and the handshake. */
  get bytes(): { read: number; written: number } {
    return { read: this.wire.socket.bytesRead, written: this.wire.socket.bytesWritten }
  }

  /**
   * Sends a message that is not a reply.
   * @returns false if the peer does not read, or the connection is closing
   */
  push(message: Message): boolean {
    if (this.state !== 'open' || this.waiting > this.options.highWaterMark) return false
    this.behaviour.push(message)
    return true
  }

  /**
   * Closes the connection (RFC 6455, section 7.1.2), even if it has stalled.
   * @returns whether it was open before
   */
  dismiss(code: number, reason: string): boolean {
    if (this.state !== 'open' && this.state !== 'silent') return false
    this.state = 'open'
    this.close(code, reason)
    return true
  }

  /** Ends the connection because the server shuts down (section 7.4.1). */
  goAway(): void {
    if (this.state === 'silent') this.destroy()
    else this.close(1001, 'The server is shutting down')
  }

  destroy(): void {
    this.wire.socket.destroy()
  }

  /** Ends the connection at once to free memory. Sends close code 1013 unless too much waits for the peer. */
  shed(): void {
    const { holding } = this
    if (this.state !== 'open') return void this.destroy()
    this.options.logger.info({ ...this.label, holding, problem: 'Too little memory is free' }, 'Gave up the connection')
    this.behaviour.stop?.()
    this.stopLimiting?.()
    this.wire.sender.drop()
    this.sendClose({ code: 1013, reason: NOTHING })
    this.wire.shed()
  }

  /**
   * Ends the connection without a close frame.
   * @returns whether this call ended it
   */
  drop(how: 'fin' | 'rst'): boolean {
    if (this.state === 'gone' || (this.state === 'closing' && how === 'fin')) return false
    this.state = 'closing'
    this.behaviour.stop?.()
    if (how === 'rst') this.wire.reset()
    else this.wire.end()
    return true
  }

  onHeartbeat(interval: number): void {
    if (!this.behaviour.isUnwatched) this.checkPeer(interval)
  }

  // The interface for behaviours.

  send(message: Message, kind: Kind, onSent?: () => void): void {
    if (this.state !== 'open') return
    const { isBinary, payload } = message
    const { length } = payload
    // The callback must not refer to the message, or its chunk would stay in memory while a copy waits.
    this.wire.sender.send(firstOf(isBinary), payload, error => {
      if (error) return
      this.countSent(isBinary, length, kind)
      onSent?.()
    })
    // The sender waits for this message, so it must not wait for the other replies to the chunk.
    if (onSent) this.wire.flow.flush()
  }

  write(bytes: Buffer, onSent: () => void): void {
    if (this.state !== 'open') return
    this.wire.flow.write(bytes, error => error || onSent())
    this.wire.flow.flush()
  }

  countSent(isBinary: boolean, bytes: number, kind: Kind): void {
    count(this.traffic.sent, isBinary, bytes)
    if (kind === 'reply') this.options.logger.debug(this.label, this.options.replied ?? 'Just replied')
  }

  countWaiting(cost: number): void {
    this.wire.flow.countWaiting(cost)
  }

  countPending(bytes: number): void {
    this.wire.flow.countPending(bytes)
  }

  logFault(name: string, text: string): void {
    this.options.logger.info({ ...this.label, fault: printable(text) }, 'Triggered a fault')
    this.recordFault(name, text)
  }

  recordFault(name: string, text: string): void {
    const { observer } = this.options
    const { address = '', testId } = this.observation?.peer ?? {}
    observer?.triggered({ connection: this.id, address, testId, name, text })
  }

  close(code: number, reason: string): void {
    if (this.state !== 'open') return
    this.behaviour.stop?.()
    this.stopLimiting?.()
    this.sendClose({ code, reason: Buffer.from(reason) })
    if (this.isFinishing) this.wire.finish()
    else this.wire.awaitClose()
  }

  pass(closed: Close | undefined): void {
    if (this.state !== 'open') return
    // The time to answer begins when everything has been sent, however slowly the peer reads.
    if (closed) this.sendClose(closed, () => this.wire.awaitAnswer())
    else this.wire.passEnd()
    this.state = 'leaving'
  }

  abandon(): void {
    if (this.state === 'leaving') this.wire.skipMessages()
  }

  expire(): void {
    this.wire.destroyAfter(EXPIRY)
  }

  judge(frames: Buffer, done: () => void): void {
    this.wire.judge(frames, done)
  }

  silence(): void {
    if (this.state === 'open') this.state = 'silent'
  }

  stall(): void {
    this.silence()
    this.wire.flow.hold(Hold.stalled)
  }

  limitRate(bytesPerSecond: number): void {
    this.addLimit(limitRate(this.wire.socket, bytesPerSecond))
  }

  limitReading(bytesPerSecond: number): void {
    this.wire.limitReading(bytesPerSecond)
  }

  slice(bytes: number): void {
    this.addLimit(slice(this.wire.socket, bytes))
  }

  pong(payload: Buffer, onSent?: () => void): void {
    this.wire.sender.send(First.pong, payload, error => {
      if (error) return
      this.options.observer?.sent('pong', payload.length)
      onSent?.()
    })
  }

  checkPeer(interval: number): void {
    if (this.state !== 'open') return
    const { observer, stallTimeout } = this.options
    const { bytesRead, bytesWritten } = this.wire.socket
    const progress = { bytesRead, bytesWritten, isBehind: this.wire.flow.isBehind || this.wire.flow.isHeld }
    const verdict = this.liveness.check(progress, interval, stallTimeout)
    if (verdict === 'lost') this.giveUp('No answer since the last ping')
    if (verdict !== 'ping') return
    this.wire.sender.send(First.ping, NOTHING, error => error || observer?.sent('ping', 0))
    if (this.observation) this.observation.pingedAt = performance.now()
  }

  // Events of the wire.

  onMessage(payload: Buffer, isBinary: boolean): void {
    if (this.state !== 'open' && this.state !== 'leaving') return
    const { logger, observer } = this.options
    count(this.traffic.received, isBinary, payload.length)
    if (observer?.wantsMessages) observer.received(this, isBinary ? 'binary' : 'text', payload)
    if (logger.isLevelEnabled('debug')) {
      logger.debug(this.label, `Message received : ${printablePayload(payload, isBinary)}`)
    }
    this.behaviour.onMessage({ payload, isBinary })
  }

  onPing(payload: Buffer): void {
    if (this.state !== 'open') return
    const { observer } = this.options
    observer?.received(this, 'ping', payload)
    if (this.behaviour.ignoresPings) return
    if (this.behaviour.onPing) this.behaviour.onPing(payload)
    else this.pong(payload)
  }

  onPong(payload: Buffer): void {
    const { observation } = this
    this.liveness.onPong()
    if (!observation || this.state !== 'open') return
    this.options.observer?.received(this, 'pong', payload)
    if (observation.pingedAt === undefined) return
    observation.roundTrip = performance.now() - observation.pingedAt
    observation.pingedAt = undefined
    this.options.observer?.answered(observation.roundTrip)
  }

  onClose(code: number, reason: Buffer): void {
    this.closed = { code, reason }
    const answer = (own: number | 'none' = code, ownReason = own === code ? reason : NOTHING) => {
      // A peer that has already ended its side sends nothing more that could end the connection.
      if (own === 'none' && !this.wire.socket.readableEnded) return this.silence()
      if (own !== 'none' && this.state === 'open') this.sendClose({ code: own, reason: ownReason })
      this.leave()
    }
    this.finish(() => {
      if (this.behaviour.answerClose) this.behaviour.answerClose(answer)
      else answer()
    })
  }

  onFailure(code: number, problem: string): void {
    if (this.state !== 'open') {
      this.wire.finish()
    } else {
      this.options.logger.info({ ...this.label, problem }, 'Failed the connection')
      this.behaviour.stop?.()
      this.sendClose({ code, reason: NOTHING })
      this.wire.linger()
    }
    this.behaviour.onEnded?.(undefined)
  }

  onEnd(): void {
    // A connection with a close frame is already ending, unless that frame gets no answer.
    if (this.closed && this.state !== 'silent') return
    this.finish(() => {
      if (this.state === 'open') this.state = 'closing'
      this.leave()
    })
  }

  onStall(): void {
    this.giveUp('The peer does not read the bytes that wait for it')
  }

  onGone(): void {
    const { logger, observer, onGone } = this.options
    this.state = 'gone'
    this.behaviour.stop?.()
    this.behaviour.onGone?.(this.closed)
    onGone(this)
    const { code, reason } = this.closed ?? NEVER_CLOSED
    // If the peer never answered, the code is the one that was sent.
    const finalCode = this.closed ? code : (this.sentCode ?? code)
    const { texts, binaries } = this.traffic.received
    const shown = printable(reason.toString()) || undefined
    logger.info({ ...this.label, code: finalCode, reason: shown, messages: texts + binaries }, 'Disconnected')
    observer?.received(this, 'close', reason, code)
    observer?.closed(this.traffic, finalCode)
  }

  /** The peer has ended its side: ends the connection when all due replies are sent. */
  private finish(last: () => void): void {
    if (this.state !== 'open') {
      this.wire.finish()
      this.behaviour.onEnded?.(this.closed)
      return
    }
    this.isFinishing = true
    this.wire.destroyAfter(this.options.stallTimeout + (this.behaviour.closeDelay ?? 0))
    this.behaviour.finish(last, this.closed)
  }

  /** Ends this side after everything that has been sent. */
  private leave(): void {
    this.behaviour.stop?.()
    this.wire.finish()
  }

  private sendClose({ code, reason }: Close, sent = () => {}): void {
    this.state = 'closing'
    const payload = code === 1005 ? NOTHING : Buffer.concat([Buffer.of(code >> 8, code & 0xff), reason])
    this.wire.sender.send(First.close, payload, error => {
      if (error) return
      this.sentCode = code === 1005 ? undefined : code
      sent()
    })
  }

  private addLimit(lift: () => void): void {
    const { stopLimiting } = this
    this.stopLimiting = () => {
      stopLimiting?.()
      lift()
    }
  }

  private giveUp(problem: string): void {
    this.options.logger.info({ ...this.label, problem }, 'Gave up the connection')
    this.destroy()
  }
}
