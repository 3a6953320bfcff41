import type { Socket } from 'node:net'
import type { Deflate } from './deflate.ts'
import { FastPath, type FastPathOptions } from './fast-path.ts'
import { Flow, type FlowOptions } from './flow.ts'
import { limitReading } from './read-limit.ts'
import { type Incoming, Reader, type ReaderOptions } from './reader.ts'
import { Sender } from './sender.ts'
import type { Traffic } from './traffic.ts'

export type WireOptions = FlowOptions & ReaderOptions

/** The result of a handshake, from which a wire starts. */
export type WireOpening = {
  /** The 101 has been sent, and there is a listener for errors. */
  socket: Socket
  /** Bytes that arrived after the handshake, if they are not in the socket. */
  head?: Buffer
  deflate: Deflate
  /** How to echo messages straight from their chunk. Missing if something needs to see each message. */
  fastPath?: FastPathOptions | undefined
}

/** The events of a wire. */
export type WireEvents = Incoming & {
  /** The peer neither read nor sent anything for `stallTimeout` while bytes waited for it. */
  onStall(): void
  /** The socket is gone. */
  onGone(): void
  /** Where the fast path counts messages. */
  readonly traffic: Traffic
}

// Milliseconds without a byte from the peer until a failed connection is ended.
const QUIET = 200

// Milliseconds for a peer to end its side, after a close frame and without one.
const CLOSE_TIMEOUT = 30_000
const FIN_TIMEOUT = 5000

const WIRE = Symbol('wire')
type Wired = Socket & { [WIRE]: Wire }

/** A socket that carries frames, and the ways to end it. */
export class Wire {
  readonly socket: Socket
  readonly flow: Flow
  readonly sender: Sender
  private readonly reader: Reader
  private readonly events: WireEvents
  /** Destroys the socket if the peer does not end its side in time. */
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

    // Otherwise the HTTP server of Node.js would destroy the socket on a timeout.
    socket.removeAllListeners('timeout')
    socket.setTimeout(0)
    socket.setNoDelay()
    if (head?.length) socket.unshift(head)
    const wired: Wired = Object.assign(socket, { [WIRE]: this })
    for (const [event, listener] of Object.entries(Wire.listeners)) wired.on(event, listener)
  }

  /** One set of listeners for all sockets: closures would add to the memory of each idle connection. */
  private static readonly listeners = {
    timeout(this: Wired) {
      const { flow, events } = this[WIRE]
      if (flow.isBehind) events.onStall()
    },
    close(this: Wired) {
      const { timer, reader, sender, flow, events } = this[WIRE]
      clearTimeout(timer)
      reader.stop()
      sender.end()
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

  /** Nothing holds the flow any more: continues reading. */
  proceed(): void {
    this.reader.proceed()
  }

  /** Reads at most this many bytes per second until this side ends. Call it once. */
  limitReading(bytesPerSecond: number): void {
    const { socket, flow, reader } = this
    socket.on(
      'data',
      limitReading(socket, flow, bytesPerSecond, part => reader.read(part)),
    )
    socket.off('data', Wire.listeners.data)
  }

  /** Judges frames as if the peer had sent them. Calls back if they are valid. */
  judge(frames: Buffer, done: () => void): void {
    this.reader.judge(frames, done)
  }

  /** Reads only the peer's close frame from now on, for at most 30 s. */
  awaitClose(): void {
    this.skipMessages()
    this.awaitAnswer()
  }

  /** Reads only the peer's close frame from now on. */
  skipMessages(): void {
    this.reader.awaitClose()
    this.flow.ignoreLimits()
  }

  /** Ends this side when everything so far has been sent. */
  finish(): void {
    this.discard()
    this.endAfterwards()
    this.destroyAfter(CLOSE_TIMEOUT)
  }

  /** Ends this side when everything so far has been sent, and then goes on reading for at most 5 s. */
  passEnd(): void {
    this.endAfterwards(() => this.destroyAfter(FIN_TIMEOUT))
  }

  private endAfterwards(ended?: () => void): void {
    this.sender.afterwards(() => {
      this.flow.flush()
      this.socket.end(ended)
    })
  }

  /** Goes on reading after a close frame that has left, for at most 30 s. */
  awaitAnswer(): void {
    this.destroyAfter(CLOSE_TIMEOUT)
  }

  /**
   * Ends this side once the peer has sent nothing for 200 ms. If it ended while bytes still arrive, a proxy might drop
   * the connection at once, and lose the close frame on the way.
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

  /** Ends the connection in the next tick of the event loop. Until then a close frame can leave if the peer reads. */
  shed(): void {
    this.discard()
    this.flow.flush()
    setImmediate(() => {
      if (this.flow.isBehind) this.socket.destroy()
      else this.finish()
    })
  }

  /** Ends this side at once. */
  end(): void {
    this.discard()
    this.flow.flush()
    this.socket.end()
    this.destroyAfter(FIN_TIMEOUT)
  }

  /** Ends the connection with an RST. */
  reset(): void {
    // A socket that is already ending ignores a reset, and would then never close.
    if (this.socket.writableEnded) this.socket.destroy()
    else this.socket.resetAndDestroy()
  }

  /** Reads and drops everything, because the operating system sends an RST if data is unread. */
  private discard(): void {
    this.reader.stop()
    this.flow.ignoreLimits()
  }

  /** Ends the connection after this time, unless an earlier time was set, or the socket is already gone. */
  destroyAfter(milliseconds: number): void {
    const endsAt = performance.now() + milliseconds
    if (endsAt >= this.endsAt || this.flow.hasEnded) return
    this.endsAt = endsAt
    clearTimeout(this.timer)
    this.timer = setTimeout(() => this.socket.destroy(), milliseconds)
  }
}
