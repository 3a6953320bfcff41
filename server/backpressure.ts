import type { Socket } from 'node:net'
import { WebSocket } from 'ws'

/** A connection that knows all that waits to leave it, wherever that is. */
export type Held = WebSocket & { readonly unsent: number }

const waiting = new WeakMap<WebSocket, (() => void)[]>()

/**
 * Stops reading from a peer that doesn't read its replies, so that they don't pile up here. To be called when bytes
 * were given to the connection to send.
 * @param highWaterMark unsent bytes above which reading stops; it goes on below half of them. At least the socket's
 *     own, or it would never tell that it has drained.
 */
export function holdBack(ws: Held, socket: Socket, highWaterMark: number): void {
  if (ws.isPaused || ws.readyState !== WebSocket.OPEN || ws.unsent <= highWaterMark) return
  ws.pause()
  if (socket.listenerCount('drain') === 0) socket.once('drain', () => letGo(ws, highWaterMark))
}

/** Reads on where enough has left. To be called when bytes have left that were not in the socket's own queue. */
export function letGo(ws: Held, highWaterMark: number): void {
  if (ws.isPaused && ws.unsent < highWaterMark / 2) readOn(ws)
}

/** Reads on whatever has left. To be called when the connection ends: nothing is answered any more. */
export function readOn(ws: WebSocket): void {
  if (ws.isPaused) ws.resume()
  const callbacks = waiting.get(ws) ?? []
  waiting.delete(ws)
  for (const callback of callbacks) callback()
}

/** Calls back at once, or when so much has left that reading goes on, or when the connection ends. */
export function whenReading(ws: WebSocket, callback: () => void): void {
  if (!ws.isPaused || ws.readyState !== WebSocket.OPEN) return void callback()
  waiting.set(ws, [...(waiting.get(ws) ?? []), callback])
}
