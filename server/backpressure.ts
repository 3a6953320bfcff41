import type { Socket } from 'node:net'
import type { WebSocket } from 'ws'

/** Stops reading from a peer that doesn't read its replies, so that they don't pile up here. */
export class Backpressure {
  private readonly ws: WebSocket
  private readonly socket: Socket
  private readonly highWaterMark: number
  private waiting: (() => void)[] | undefined

  /**
   * @param highWaterMark unsent bytes above which reading stops; it goes on below half of them. At least the socket's
   *     own, or it would never tell that it has drained.
   */
  constructor(ws: WebSocket, socket: Socket, highWaterMark: number) {
    this.ws = ws
    this.socket = socket
    this.highWaterMark = highWaterMark
  }

  /** To be called when bytes were given to the connection to send. */
  onQueued(): void {
    if (this.ws.isPaused || this.ws.bufferedAmount <= this.highWaterMark) return
    this.ws.pause()
    this.socket.once('drain', () => this.onSent())
  }

  /** To be called when bytes have left that were not in the socket's own queue. */
  onSent(): void {
    if (!this.ws.isPaused || this.ws.bufferedAmount >= this.highWaterMark / 2) return
    this.ws.resume()
    const callbacks = this.waiting
    this.waiting = undefined
    for (const callback of callbacks ?? []) callback()
  }

  /** Calls back at once, or when so much has left that reading goes on. */
  whenReading(callback: () => void): void {
    if (this.ws.isPaused) {
      this.waiting ??= []
      this.waiting.push(callback)
    } else {
      callback()
    }
  }
}
