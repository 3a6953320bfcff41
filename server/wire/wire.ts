import type { Socket } from 'node:net'
import type { Deflate } from './deflate.ts'
import { FastPath, type FastPathOptions } from './fast-path.ts'
import { Flow, type FlowOptions } from './flow.ts'
import { type Incoming, Reader, type ReaderOptions } from './reader.ts'
import { Sender } from './sender.ts'
import type { Traffic } from './traffic.ts'

export type WireOptions = FlowOptions & ReaderOptions

/** What a handshake leaves to a wire. */
export type WireOpening = {
  /** Has sent the 101, and has a listener for errors. */
  socket: Socket
  /** Bytes that came behind the handshake. */
  head: Buffer
  deflate: Deflate
  /** How messages are echoed straight from their chunk, where nothing has to see each of them. */
  fastPath: FastPathOptions | undefined
}

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

const WIRE = Symbol('wire')
type Wired = Socket & { [WIRE]: Wire }

/** A socket that frames come and go on, and the ways to end it. */
export class Wire {
  readonly socket: Socket
  readonly flow: Flow
  readonly sender: Sender
  private readonly reader: Reader
  private readonly events: WireEvents
  /** Destroys the socket of a peer that doesn't end its side in time. */
  private timer: NodeJS.Timeout | undefined
  private endsAt = Number.POSITIVE_INFINITY

  constructor({ socket, head, deflate, fastPath }: WireOpening, options: WireOptions, events: WireEvents) {
    const flow = new Flow(socket, options, this)
    this.socket = socket
    this.events = events
    this.flow = flow
    this.sender = new Sender(flow, deflate)
    this.reader = new Reader({
      flow,
      sender: this.sender,
      deflate,
      fastPath: fastPath && new FastPath({ ...fastPath, flow, isCompressing: deflate !== undefined, events }),
      options,
      incoming: events,
    })

    // Node's HTTP server would destroy the socket on a timeout.
    socket.removeAllListeners('timeout')
    socket.setTimeout(0)
    socket.setNoDelay()
    if (head.length > 0) socket.unshift(head)
    const wired: Wired = Object.assign(socket, { [WIRE]: this })
    for (const [event, listener] of Object.entries(Wire.listeners)) wired.on(event, listener)
  }

  /** One set for all sockets: closures would add 300 bytes to each idle connection. */
  private static readonly listeners = {
    timeout(this: Wired) {
      const { flow, events } = this[WIRE]
      if (flow.isBehind) events.onStall()
    },
    close(this: Wired) {
      const { timer, reader, sender, flow, events } = this[WIRE]
      clearTimeout(timer)
      reader.stop()
      sender.drop()
      flow.end()
      events.onGone()
    },
    end(this: Wired) {
      this[WIRE].reader.end()
    },
    data(this: Wired, chunk: Buffer) {
      this[WIRE].reader.read(chunk)
    },
  }

  /** Reads on: nothing holds the flow any more. */
  proceed(): void {
    this.reader.proceed()
  }

  /** Reads nothing more but the peer's close frame, and waits for it for 30 s. */
  awaitClose(): void {
    this.reader.awaitClose()
    this.flow.ignoreLimits()
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
      socket.off('data', restart)
      this.finish()
    }, QUIET)
    const restart = () => timer.refresh()
    socket.on('data', restart)
    socket.once('close', () => clearTimeout(timer))
  }

  /**
   * Ends the connection in the next turn of the loop, which is enough for a close frame if the peer reads.
   * @param onUnsent is called if it was not
   */
  shed(onUnsent: () => void): void {
    this.discard()
    this.flow.flush()
    setImmediate(() => {
      if (!this.flow.isBehind) return this.finish()
      onUnsent()
      return void this.socket.destroy()
    })
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
    if (this.socket.writableEnded) this.socket.destroy()
    else this.socket.resetAndDestroy()
  }

  /** Reads on, since with unread data the system would send an RST, but takes nothing of it. */
  private discard(): void {
    this.reader.stop()
    this.flow.ignoreLimits()
  }

  /** Ends the connection after this time, or when it was to end before, if that is sooner. */
  destroyAfter(milliseconds: number): void {
    const endsAt = performance.now() + milliseconds
    if (endsAt >= this.endsAt) return
    this.endsAt = endsAt
    clearTimeout(this.timer)
    this.timer = setTimeout(() => this.socket.destroy(), milliseconds)
  }
}
