import type { IncomingMessage } from 'node:http'
import type { Socket as EngineSocket, Transport } from 'engine.io'
import type { Kind, Message } from '../../connection/behaviour.ts'
import type { AdmittedSession } from '../../http/admission.ts'
import type { Host } from '../../http/protocol.ts'
import { costOfRequest } from '../../http/request.ts'
import type { Flow } from '../../wire/flow.ts'
import { createRequestFlow } from '../requests.ts'
import { createSession, type ProtocolSession, type Transport as SessionTransport, type Speaker } from '../session.ts'
import { createDelivery, type Delivery } from './delivery.ts'
import { createNamespaces, type EventMessage, type Namespaces } from './namespaces.ts'
import { createPolling, type Polling } from './polling.ts'
import { problemOf } from './problem.ts'
import type { EngineWebSocket } from './web-socket.ts'

// The memory of a session in the packages, in bytes.
const COST = 16_384

/** One session of Engine.IO, with the namespaces that its client has joined. */
export class SocketIoSession implements SessionTransport, Speaker {
  /** Counts everything that is kept for the client, and decides whether more of its packets are read. */
  flow: Flow
  /** Whether Engine.IO has closed the session. */
  private isClosed = false
  private isMuted = false
  private webSocket: EngineWebSocket | undefined
  /** A WebSocket to which the session may move. */
  private candidate: EngineWebSocket | undefined
  private readonly conn: EngineSocket
  private readonly highWaterMark: number
  private readonly session: ProtocolSession
  private readonly delivery: Delivery
  readonly polling: Polling
  readonly namespaces: Namespaces

  /** @param webSocket `undefined` if the session begins with long polling */
  constructor(
    conn: EngineSocket,
    request: IncomingMessage,
    admitted: AdmittedSession,
    webSocket: EngineWebSocket | undefined,
    host: Host,
  ) {
    this.conn = conn
    this.highWaterMark = host.highWaterMark
    this.flow = webSocket?.channel.flow ?? createRequestFlow(host)
    this.flow.countKept(COST + costOfRequest(request))
    this.session = createSession(host, 'socket.io', request, admitted, this, this)
    this.delivery = createDelivery(conn, cost => {
      this.flow.countWaiting(cost)
      this.session.proceed()
    })
    this.polling = this.createPolling(host)
    this.namespaces = createNamespaces(conn, {
      countKept: cost => this.flow.countKept(cost),
      answerText: text => host.answer({ payload: Buffer.from(text), isBinary: false }).payload.toString(),
      onOpen: () => this.session.start(),
      onEvent: message => this.receive(message),
      fail: problem => this.fail(problem),
    })
    if (webSocket) this.follow(webSocket, conn.transport)
    conn.on('upgrade', (transport: Transport) => this.move(transport))
    conn.on('close', (reason: string, error?: Error) => this.onClosed(reason, error))
  }

  // How the session reaches its client.

  get holding(): number {
    return this.flow.holding + (this.candidate?.channel.flow.holding ?? 0)
  }

  get bytes() {
    const { read = 0, written = 0 } = this.webSocket?.channel.bytes ?? {}
    return { read: this.polling.bytes.read + read, written: this.polling.bytes.written + written }
  }

  isReady(): boolean {
    return this.namespaces.first !== undefined
  }

  isReachable(): boolean {
    return this.webSocket !== undefined || this.conn.transport.writable
  }

  close(code: number, reason: string, isShutdown: boolean): void {
    const { first } = this.namespaces
    this.webSocket?.endWith(code, reason)
    // A session that has stalled has a transport that waits for packets to leave.
    if (this.isMuted) this.conn.close(true)
    // After this, a client does not reconnect.
    else if (first && !isShutdown) first.disconnect(true)
    else this.conn.close()
  }

  drop(how: 'fin' | 'rst'): void {
    this.stall()
    this.webSocket?.channel.drop(how)
    this.polling.drop(how)
    if (!this.webSocket) this.abandon()
  }

  stall(): void {
    this.isMuted = true
    this.webSocket?.mute()
    this.webSocket?.channel.stall()
  }

  shed(): void {
    if (this.webSocket) this.webSocket.channel.shed()
    else this.destroy()
  }

  destroy(): void {
    this.stall()
    this.webSocket?.channel.destroy()
    this.candidate?.channel.destroy()
    this.polling.drop('fin')
    this.abandon()
  }

  // Transports.

  /** Whether the session has moved to a WebSocket, or began with one. */
  get hasWebSocket(): boolean {
    return this.webSocket !== undefined
  }

  /** Whether a WebSocket may take over from long polling. */
  get canMove(): boolean {
    return this.session.state === 'open' && !this.webSocket && !this.candidate
  }

  /** Offers a WebSocket, which takes over once the client has tried it. */
  offer(webSocket: EngineWebSocket): void {
    this.candidate = webSocket
  }

  /** A WebSocket of this session has ended. */
  onGone(webSocket: EngineWebSocket, code: number, reason: string): void {
    if (this.candidate === webSocket) this.candidate = undefined
    if (this.webSocket !== webSocket) return
    this.session.stop(code, reason)
    this.finish()
  }

  onFailure(problem: string): void {
    this.session.failed(problem, 'Failed the connection')
  }

  // Messages.

  private receive(message: EventMessage): void {
    if (this.session.state !== 'open') return
    this.session.received(message)
    this.session.reply(message)
  }

  send(message: Message | EventMessage, kind: Kind, onSent?: () => void): void {
    const { isBinary, payload } = message
    const { length } = payload
    const socket = 'socket' in message ? message.socket : this.namespaces.first
    // It may have left the namespace in the meantime.
    if (!socket?.connected) return void onSent?.()
    this.delivery.afterNext(() => {
      this.session.sent(isBinary, length, kind)
      onSent?.()
    })
    if ('reply' in message) message.reply()
    else socket.emit('message', isBinary ? payload : payload.toString())
  }

  private createPolling(host: Host): Polling {
    const owner = this
    return createPolling(this.conn, host, {
      get flow() {
        return owner.flow
      },
      get isSilent() {
        return owner.isMuted
      },
      handle: this.session.handle,
      takeOnTheWay: () => {
        const onSent = this.delivery.takeOnTheWay()
        return () => {
          onSent()
          this.session.proceed()
        }
      },
      onAllAnswered: () => this.finish(),
      onIdle: () => this.onIdle(),
      fail: problem => this.fail(problem),
    })
  }

  /** Calls back for messages when the WebSocket has sent them. */
  private follow(webSocket: EngineWebSocket, transport: Transport): void {
    this.webSocket = webSocket
    this.polling.leave()
    transport.on('drain', () => this.delivery.takeOnTheWay()())
  }

  /** The session goes on over a WebSocket. */
  private move(transport: Transport): void {
    const { candidate, flow } = this
    if (!candidate) return
    this.candidate = undefined
    this.follow(candidate, transport)
    this.flow = candidate.channel.flow
    this.flow.replace(flow)
    if (this.isMuted) this.stall()
  }

  // The end.

  private fail(problem: string): void {
    if (this.session.state !== 'open') return
    this.session.failed(problem, 'Failed the connection')
    this.session.stop(1002)
    this.webSocket?.endWith(1002, '')
    this.abandon()
  }

  private onIdle(): void {
    if (this.session.state === 'open') this.fail('The client does not ask for packets')
    else this.abandon()
  }

  /** Lets Engine.IO forget the session at once. */
  private abandon(): void {
    this.conn.close(true)
    // A transport that already closes would wait for the next poll.
    if (this.conn.readyState !== 'closed') this.conn.transport.emit('close')
  }

  /** Engine.IO has closed the session. */
  private onClosed(reason: string, error: Error | undefined): void {
    const { session } = this
    // Once the flow has stopped reading, it starts again when half of the mark is left.
    const isBehind = session.waiting > this.highWaterMark / 2
    // A session that was silent has sent no ping.
    const problem = session.state === 'open' ? problemOf(reason, error, isBehind) : undefined
    if (problem !== undefined) session.failed(problem, 'Failed the connection')
    // Over a WebSocket, its close frame has the code.
    session.stop(this.webSocket ? undefined : reason === 'transport close' ? 1000 : 1006)
    this.isClosed = true
    session.finishWork()
    if (reason === 'ping timeout') this.webSocket?.channel.destroy()
    this.candidate?.channel.destroy()
    this.polling.close()
    this.finish()
  }

  /** Ends the record once all connections are gone. */
  private finish(): void {
    if (!this.isClosed || this.polling.isAnswering || this.webSocket?.channel.isGone === false) return
    this.session.end(1006)
  }
}
