import type { Socket } from 'node:net'
import { WebSocket } from 'ws'
import { holdBack, letGo, readOn } from './backpressure.ts'
import { boundCompression, COMPRESSION_THRESHOLD, guardReceiver } from './compression.ts'
import { echo } from './echo.ts'
import { FastPath } from './fast-path.ts'
import { lingerBeforeEnd } from './lingering-close.ts'
import { type Logger, printable, printablePayload } from './log.ts'
import type { Observer } from './observer.ts'
import { add, count, createTraffic, type Traffic } from './traffic.ts'

/** What the handshake told about a peer. */
export type Peer = {
  address: string
  /** Path and query, as they came. */
  target: string
  /** The query, if it asks for faults. */
  faults: string | undefined
  /** The names in a query that asks for nothing. */
  ignored: string | undefined
}

export type ConnectionOptions = {
  /** What goes before a text; nothing where everything is answered verbatim. */
  prefix: Buffer
  /** Unsent bytes above which nothing more is read from the peer. */
  highWaterMark: number
  maxPayload: number
  fastPath: boolean
  logger: Logger
  /** Those that are open. */
  connections: Set<EchoSocket>
  observer: Observer | undefined
}

/** What is kept of a connection while somebody observes. Times are of `performance.now()`, or in milliseconds. */
export type Observation = { peer: Peer; openedAt: number; pingedAt: number | undefined; roundTrip: number | undefined }

// Milliseconds for a peer to end its side after a FIN, before the connection is dropped anyway.
const LINGER = 5000

let connectionCount = 0

/** One WebSocket from its handshake to its end: answers, logs, and finds out when the peer is gone. */
export class EchoSocket extends WebSocket {
  readonly id = ++connectionCount
  /** When the heartbeat visits it. */
  turn = 0
  observation: Observation | undefined
  protected socket!: Socket
  protected options!: ConnectionOptions
  /** Nothing is to leave any more, whatever comes. */
  protected isSilent = false
  /** Bytes that had come when it was last pinged; none while a ping would tell nothing. */
  protected heard = -1
  private fastPath: FastPath | undefined
  private sentCode: number | undefined
  /** What didn't take the fast path. */
  private slowTraffic: Traffic | undefined

  /** Begins to serve, when the handshake is done. */
  serve(socket: Socket, peer: Peer, options: ConnectionOptions): void {
    const { connections, fastPath, logger, observer } = options
    this.socket = socket
    this.options = options
    connections.add(this)
    const compresses = this.extensions !== ''
    if (compresses) {
      guardReceiver(this)
      boundCompression(this)
      // What waits to be inflated would keep `ws` from telling that the connection is gone.
      socket.once('close', () => readOn(this))
    }
    if (fastPath && !logger.isLevelEnabled('debug') && !observer?.wantsMessages) {
      const threshold = compresses ? COMPRESSION_THRESHOLD : Number.POSITIVE_INFINITY
      this.fastPath = new FastPath(this, socket, options, threshold)
    }
    if (observer) {
      this.observation = { peer, openedAt: performance.now(), pingedAt: undefined, roundTrip: undefined }
      observer.opened()
    }

    const { address, target, faults, ignored } = peer
    const path = target.split('?', 1)[0] ?? ''
    logger.info(
      {
        connection: this.id,
        address,
        path: printable(path),
        faults: faults && printable(faults),
        ignored: ignored && printable(ignored),
        subprotocol: printable(this.protocol) || undefined,
      },
      'Connected!',
    )
  }

  /** Bytes that wait to leave. */
  get unsent(): number {
    return this.bufferedAmount
  }

  /** Its messages so far, however they were answered. */
  get traffic(): Traffic {
    const traffic = createTraffic()
    if (this.slowTraffic) {
      add(traffic.received, this.slowTraffic.received)
      add(traffic.sent, this.slowTraffic.sent)
    }
    if (this.fastPath) {
      const { received } = this.fastPath
      add(traffic.received, received)
      add(traffic.sent, received)
      traffic.sent.textBytes += received.texts * this.options.prefix.length
    }
    return traffic
  }

  /** Bytes that came and left, with all that is around messages. */
  get bytes(): { read: number; written: number } {
    return { read: this.socket.bytesRead, written: this.socket.bytesWritten }
  }

  /** Pings the peer, or ends the connection when nothing at all came since the last ping. */
  beat(): void {
    if (this.isSilent) return
    // Nothing can come while reading is paused, and a ping would wait behind what the peer hasn't read.
    if (this.socket.isPaused()) {
      this.heard = -1
    } else if (this.socket.bytesRead === this.heard) {
      this.terminate()
    } else {
      this.heard = this.socket.bytesRead
      this.ping()
      this.options.observer?.sent('ping', 0)
      if (this.observation) this.observation.pingedAt = performance.now()
    }
  }

  /**
   * Sends a message that answers none.
   * @returns whether it did, which it doesn't to a peer that doesn't read, or when the connection ends
   */
  push(payload: Buffer, isBinary: boolean): boolean {
    if (!this.canPush()) return false
    this.transmit(payload, isBinary)
    holdBack(this, this.socket, this.options.highWaterMark)
    return true
  }

  /** Ends the connection on demand, as by a closing handshake (section 7.1.2). */
  dismiss(code: number, reason: string): void {
    this.close(code, reason)
  }

  /** Ends the connection without a close frame. */
  drop(how: 'fin' | 'rst'): void {
    this.isSilent = true
    if (how === 'rst') return void this.socket.resetAndDestroy()
    this.socket.removeAllListeners('data')
    this.socket.end()
    // What still comes must be read: with unread data, the system would send an RST.
    this.socket.resume()
    const timer = setTimeout(() => this.socket.destroy(), LINGER)
    this.socket.once('close', () => clearTimeout(timer))
  }

  /** Ends the connection because the server does (section 7.4.1). */
  goAway(): void {
    if (this.isSilent) this.terminate()
    else this.close(1001, 'The server is shutting down')
  }

  override close(code?: number, reason?: string | Buffer): void {
    if (this.isSilent) return
    this.sentCode ??= code
    super.close(code, reason)
    // The peer's answer is behind all that it has sent before.
    readOn(this)
  }

  // Takes the place of listeners: their table would cost every idle connection some 300 bytes.
  override emit(...[event, ...args]: Parameters<WebSocket['emit']>): boolean {
    if (event === 'close') {
      this.onClose(args[0], args[1])
      return super.emit(event, ...args)
    }
    if (this.isSilent) return true
    if (event === 'message') this.onMessage(args[0], args[1])
    else if (event === 'ping') this.onPing(args[0])
    else if (event === 'pong') this.onPong(args[0])
    else if (event === 'error') this.onError(args[0])
    else return super.emit(event, ...args)
    return true
  }

  protected canPush(): boolean {
    return !this.isSilent && this.readyState === WebSocket.OPEN && this.unsent <= this.options.highWaterMark
  }

  protected reply(payload: Buffer, isBinary: boolean): void {
    this.transmit(payload, isBinary, () => this.fastPath?.onReplied())
    this.options.logger.debug({ connection: this.id }, 'Just replied')
  }

  protected countSent(payload: Buffer, isBinary: boolean): void {
    this.slowTraffic ??= createTraffic()
    count(this.slowTraffic.sent, isBinary, payload.length)
  }

  protected onPing(payload: Buffer): void {
    const { highWaterMark, observer } = this.options
    observer?.received(this.id, 'ping', payload)
    this.pong(payload)
    observer?.sent('pong', payload.length)
    holdBack(this, this.socket, highWaterMark)
  }

  private transmit(payload: Buffer, isBinary: boolean, sent?: () => void): void {
    this.countSent(payload, isBinary)
    this.send(payload, { binary: isBinary }, () => {
      sent?.()
      letGo(this, this.options.highWaterMark)
    })
  }

  private onMessage(payload: Buffer, isBinary: boolean): void {
    const { prefix, highWaterMark, logger, observer } = this.options
    this.slowTraffic ??= createTraffic()
    count(this.slowTraffic.received, isBinary, payload.length)
    if (observer?.wantsMessages) observer.received(this.id, isBinary ? 'binary' : 'text', payload)
    if (logger.isLevelEnabled('debug')) {
      logger.debug({ connection: this.id }, `Message received : ${printablePayload(payload, isBinary)}`)
    }
    this.reply(echo(prefix, payload, isBinary), isBinary)
    holdBack(this, this.socket, highWaterMark)
  }

  private onPong(payload: Buffer): void {
    const { observation } = this
    if (!observation) return
    this.options.observer?.received(this.id, 'pong', payload)
    if (observation.pingedAt === undefined) return
    observation.roundTrip = performance.now() - observation.pingedAt
    observation.pingedAt = undefined
    this.options.observer?.answered(observation.roundTrip)
  }

  private onError({ message }: Error): void {
    this.fastPath?.onFailed()
    lingerBeforeEnd(this.socket)
    this.options.logger.info({ connection: this.id, problem: message }, 'Failed the connection')
  }

  private onClose(code: number, reason: Buffer): void {
    const { connections, logger, observer } = this.options
    connections.delete(this)
    // `ws` tells 1006 also where this side closed and the peer's answer never came.
    const given = code === 1006 ? (this.sentCode ?? code) : code
    const explained = printable(reason.toString()) || undefined
    const { traffic } = this
    const { texts, binaries } = traffic.received
    logger.info({ connection: this.id, code: given, reason: explained, messages: texts + binaries }, 'Disconnected')
    observer?.received(this.id, 'close', reason, code)
    observer?.closed(traffic, given)
  }
}
