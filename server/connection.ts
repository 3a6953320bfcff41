import type { Socket } from 'node:net'
import { WebSocket } from 'ws'
import { holdBack, letGo } from './backpressure.ts'
import { boundCompression, COMPRESSION_THRESHOLD } from './compression.ts'
import { echo } from './echo.ts'
import { FastPath } from './fast-path.ts'
import { lingerBeforeEnd } from './lingering-close.ts'
import { type Logger, printable, printablePayload } from './log.ts'

/** What the handshake told about a peer, as it is logged. */
export type Peer = {
  address: string
  path: string
  /** What the query asks for. */
  faults?: string | undefined
  /** The names in a query that asks for nothing. */
  ignored?: string | undefined
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
}

let count = 0

/** One WebSocket from its handshake to its end: answers, logs, and finds out when the peer is gone. */
export class EchoSocket extends WebSocket {
  readonly id = ++count
  /** When the heartbeat visits it. */
  turn = 0
  protected socket!: Socket
  protected options!: ConnectionOptions
  private fastPath: FastPath | undefined
  private sentCode: number | undefined
  /** Bytes that had come when it was last pinged; none while a ping would tell nothing. */
  protected heard = -1
  private messages = 0

  /** Begins to serve, when the handshake is done. */
  serve(socket: Socket, peer: Peer, options: ConnectionOptions): void {
    this.socket = socket
    this.options = options
    options.connections.add(this)
    const compresses = this.extensions !== ''
    if (compresses) boundCompression(this)
    if (options.fastPath && !options.logger.isLevelEnabled('debug')) {
      const threshold = compresses ? COMPRESSION_THRESHOLD : Number.POSITIVE_INFINITY
      this.fastPath = new FastPath(this, socket, options, threshold)
    }

    const subprotocol = printable(this.protocol) || undefined
    options.logger.info({ connection: this.id, ...peer, subprotocol }, 'Connected!')
  }

  /** Pings the peer, or ends the connection when nothing at all came since the last ping. */
  beat(): void {
    // Nothing can come while reading is paused, and a ping would wait behind what the peer hasn't read.
    if (this.socket.isPaused()) {
      this.heard = -1
    } else if (this.socket.bytesRead === this.heard) {
      this.terminate()
    } else {
      this.heard = this.socket.bytesRead
      this.ping()
    }
  }

  /** Ends the connection because the server does (section 7.4.1). */
  goAway(): void {
    this.close(1001, 'The server is shutting down')
  }

  override close(code?: number, reason?: string | Buffer): void {
    this.sentCode ??= code
    super.close(code, reason)
  }

  // Takes the place of listeners: their table would cost every idle connection some 300 bytes.
  override emit(...[event, ...args]: Parameters<WebSocket['emit']>): boolean {
    if (event === 'message') this.onMessage(args[0], args[1])
    else if (event === 'ping') this.onPing(args[0])
    else if (event === 'error') this.onError(args[0])
    else {
      if (event === 'close') this.onClose(args[0], args[1])
      return super.emit(event, ...args)
    }
    return true
  }

  private onMessage(payload: Buffer, isBinary: boolean): void {
    this.messages++
    const { prefix, highWaterMark, logger } = this.options
    if (logger.isLevelEnabled('debug')) {
      logger.debug({ connection: this.id }, `Message received : ${printablePayload(payload, isBinary)}`)
    }
    this.reply(echo(prefix, payload, isBinary), isBinary)
    holdBack(this, this.socket, highWaterMark)
  }

  protected reply(payload: Buffer, isBinary: boolean): void {
    this.send(payload, { binary: isBinary }, () => {
      this.fastPath?.onReplied()
      letGo(this, this.options.highWaterMark)
    })
    this.options.logger.debug({ connection: this.id }, 'Just replied')
  }

  private onPing(payload: Buffer): void {
    this.pong(payload)
    holdBack(this, this.socket, this.options.highWaterMark)
  }

  private onError({ message }: Error): void {
    this.fastPath?.onFailed()
    lingerBeforeEnd(this.socket)
    this.options.logger.info({ connection: this.id, problem: message }, 'Failed the connection')
  }

  private onClose(code: number, reason: Buffer): void {
    this.options.connections.delete(this)
    // `ws` tells 1006 also where this side closed and the peer's answer never came.
    const given = code === 1006 ? (this.sentCode ?? code) : code
    const explained = printable(reason.toString()) || undefined
    const messages = this.messages + (this.fastPath?.messages ?? 0)
    this.options.logger.info({ connection: this.id, code: given, reason: explained, messages }, 'Disconnected')
  }
}
