import type { Socket } from 'node:net'
import type { Deflate } from './deflate.ts'
import { FastPath, type FastPathOptions } from './fast-path.ts'
import { Flow, type FlowOptions, Hold } from './flow.ts'
import { pace } from './pace.ts'
import { type Incoming, Reader, type ReaderOptions } from './reader.ts'
import { Sender } from './sender.ts'
import type { Traffic } from './traffic.ts'

export type WireOptions = FlowOptions & ReaderOptions

/** What happens on a wire. */
export type WireEvents = Incoming & {
  /** The peer took nothing and sent nothing for `stallTimeout`, though bytes wait for it. */
  onStall(): void
  /** The socket is gone. */
  onGone(): void
  /** Where messages are counted that the fast path echoes. */
  readonly traffic: Traffic
}

// Milliseconds without a byte after which a failed connection is ended.
const QUIET = 200

// Milliseconds for a peer to end its side, after a close frame and without one.
const CLOSE_TIMEOUT = 30_000
const FIN_TIMEOUT = 5000

/** A socket that frames come and go on, and the ways to end it. */
export class Wire {
  readonly flow: Flow
  readonly sender: Sender
  private readonly socket: Socket
  private readonly reader: Reader
  /** Destroys the socket of a peer that doesn't end its side in time. */
  private timer: NodeJS.Timeout | undefined
  private unpace: (() => void) | undefined

  /**
   * @param socket has a listener for errors
   * @param head bytes that came with the handshake
   * @param fastPath where messages may be echoed straight from their chunk
   */
  constructor(
    socket: Socket,
    head: Buffer,
    options: WireOptions,
    deflate: Deflate | undefined,
    fastPath: FastPathOptions | undefined,
    events: WireEvents,
  ) {
    const flow = new Flow(socket, options, () => this.reader.proceed())
    const sender = new Sender(flow, deflate)
    this.socket = socket
    this.flow = flow
    this.sender = sender
    this.reader = new Reader({
      flow,
      sender,
      deflate,
      fastPath: fastPath && new FastPath(flow, fastPath, deflate !== undefined, () => events.traffic),
      options,
      incoming: events,
    })

    // Node's HTTP server would destroy the socket on a timeout.
    socket.removeAllListeners('timeout')
    socket.setTimeout(0)
    socket.setNoDelay()
    socket.on('timeout', () => flow.isBehind && events.onStall())
    socket.on('close', () => {
      clearTimeout(this.timer)
      this.reader.stop()
      flow.end()
      deflate?.end()
      events.onGone()
    })
    socket.on('end', () => this.reader.end())
    if (head.length > 0) socket.unshift(head)
    socket.on('data', chunk => this.reader.read(chunk))
  }

  /** Bytes that came and left, with all that is around messages. */
  get bytes(): { read: number; written: number } {
    return { read: this.socket.bytesRead, written: this.socket.bytesWritten }
  }

  /** Reads nothing more but the peer's close frame, and waits for it for 30 s. */
  awaitClose(): void {
    this.reader.awaitClose()
    this.flow.unbound()
    this.destroyAfter(CLOSE_TIMEOUT)
  }

  /** Ends this side when everything sent so far has left. */
  finish(): void {
    this.discard()
    this.sender.afterwards(() => {
      this.flow.flush()
      this.socket.end()
    })
    this.destroyAfter(CLOSE_TIMEOUT)
  }

  /**
   * Ends this side when the peer has sent nothing for 200 ms. A proxy that is told of the end while bytes still come
   * drops the connection at once, and a close frame with the reason is lost on its way.
   */
  linger(): void {
    const { socket } = this
    this.discard()
    this.destroyAfter(CLOSE_TIMEOUT)
    const timer = setTimeout(() => {
      socket.off('data', heard)
      this.finish()
    }, QUIET)
    const heard = () => timer.refresh()
    socket.on('data', heard)
    socket.once('close', () => clearTimeout(timer))
  }

  /** Ends this side at once. */
  end(): void {
    this.discard()
    this.flow.flush()
    this.socket.end()
    this.destroyAfter(FIN_TIMEOUT)
  }

  /** Ends the connection by an RST. */
  reset(): void {
    // A socket that is just ending refuses a reset, and would then never be closed.
    if (this.socket.writableEnded) this.destroy()
    else this.socket.resetAndDestroy()
  }

  destroy(): void {
    this.socket.destroy()
  }

  /** Reads nothing until the connection is closed from this side. */
  stall(): void {
    this.flow.hold(Hold.stalled)
  }

  /** Lets no more bytes leave in a second, until `hurry`. */
  pace(bytesPerSecond: number): void {
    this.unpace = pace(this.socket, bytesPerSecond)
  }

  hurry(): void {
    this.unpace?.()
  }

  /** Reads on, since with unread data the system would send an RST, but takes nothing of it. */
  private discard(): void {
    this.reader.stop()
    this.flow.unbound()
  }

  private destroyAfter(milliseconds: number): void {
    clearTimeout(this.timer)
    this.timer = setTimeout(() => this.destroy(), milliseconds)
  }
}
