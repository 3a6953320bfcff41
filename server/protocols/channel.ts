import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import type { Answer } from '../http/answer.ts'
import { type Agreement, agree, switchingProtocols } from '../http/handshake.ts'
import type { Host } from '../http/protocol.ts'
import { type Flow, Hold } from '../wire/flow.ts'
import { First, firstOf } from '../wire/frame-header.ts'
import { createTraffic } from '../wire/traffic.ts'
import { Wire, type WireEvents } from '../wire/wire.ts'

export type ChannelEvents = {
  /** @param done called once the message is handled. A channel does not need to know. */
  onMessage(payload: Buffer, isBinary: boolean, done?: () => void): void
  /** The peer violated the protocol, or read nothing for STALL_TIMEOUT. `onGone` follows. */
  onFailure(problem: string, code: number): void
  /** The WebSocket has ended. The code is 1006 if no close frame arrived (RFC 6455, section 7.1.5). */
  onGone(code: number, reason: string): void
}

const NOTHING = Buffer.alloc(0)

/** Negotiates the WebSocket of a session. Returns a refusal if the handshake is invalid. */
export const negotiate = (request: IncomingMessage): Agreement | Answer => agree(request, undefined)

/** A WebSocket that carries the messages of a session. Has the same limits as a connection. */
export class Channel implements WireEvents {
  /** The session does not use the fast path, which would count here. */
  readonly traffic = createTraffic()
  private state: 'open' | 'closing' | 'gone' = 'open'
  private closed = { code: 1006, reason: '' }
  private readonly wire: Wire
  private readonly events: ChannelEvents

  /**
   * Sends the 101.
   * @param socket has a listener for errors
   */
  constructor(socket: Socket, head: Buffer, agreement: Agreement, host: Host, events: ChannelEvents) {
    this.events = events
    socket.write(switchingProtocols(agreement))
    this.wire = new Wire({ socket, head, deflate: agreement.deflate, fastPath: undefined }, host, this)
  }

  /** Counts the bytes that wait, and those that the session keeps. It decides when the channel reads. */
  get flow(): Flow {
    return this.wire.flow
  }

  get bytes(): { read: number; written: number } {
    const { bytesRead, bytesWritten } = this.wire.socket
    return { read: bytesRead, written: bytesWritten }
  }

  get isGone(): boolean {
    return this.state === 'gone'
  }

  /** Sends a message, and calls back when the operating system has taken it. */
  send(payload: Buffer, isBinary: boolean, onSent?: () => void): void {
    if (this.state !== 'open') return
    this.wire.sender.send(firstOf(isBinary), payload, error => error || onSent?.())
    if (onSent) this.wire.flow.flush()
  }

  /** Closes the WebSocket (RFC 6455, section 7.1.2), even if it has stalled. */
  close(code?: number, reason = ''): void {
    if (this.state !== 'open') return
    this.sendClose(code, Buffer.from(reason))
    this.wire.awaitClose()
  }

  /** Ends it without a close frame. */
  drop(how: 'fin' | 'rst'): void {
    if (this.state === 'gone') return
    this.state = 'closing'
    if (how === 'rst') this.wire.reset()
    else this.wire.end()
  }

  /** Reads nothing more. */
  stall(): void {
    this.wire.flow.hold(Hold.stalled)
  }

  /** Ends it at once, with close code 1013 unless too much waits for the peer. */
  shed(): void {
    if (this.state !== 'open') return void this.destroy()
    this.wire.sender.drop()
    this.sendClose(1013, NOTHING)
    this.wire.shed()
  }

  destroy(): void {
    this.wire.socket.destroy()
  }

  // Events of the wire.

  onMessage(payload: Buffer, isBinary: boolean): void {
    if (this.state === 'open') this.events.onMessage(payload, isBinary)
  }

  onPing(payload: Buffer): void {
    if (this.state === 'open') this.wire.sender.send(First.pong, payload, () => {})
  }

  onPong(): void {}

  onClose(code: number, reason: Buffer): void {
    this.closed = { code, reason: reason.toString() }
    if (this.state === 'open') this.sendClose(code === 1005 ? undefined : code, reason)
    this.wire.finish()
  }

  onFailure(code: number, problem: string): void {
    if (this.state !== 'open') return void this.wire.finish()
    this.sendClose(code, NOTHING)
    this.wire.linger()
    this.events.onFailure(problem, code)
  }

  onEnd(): void {
    this.state = 'closing'
    this.wire.finish()
  }

  onStall(): void {
    this.state = 'closing'
    this.events.onFailure('The peer does not read the bytes that wait for it', 1006)
    this.destroy()
  }

  onGone(): void {
    this.state = 'gone'
    this.events.onGone(this.closed.code, this.closed.reason)
  }

  /** @param code `undefined` for a close frame without a code */
  private sendClose(code: number | undefined, reason: Buffer): void {
    this.state = 'closing'
    const payload = code === undefined ? NOTHING : Buffer.concat([Buffer.of(code >> 8, code & 0xff), reason])
    this.wire.sender.send(First.close, payload, () => {})
  }
}
