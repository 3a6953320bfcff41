import type { Socket } from 'node:net'

const QUIET = 200

/**
 * Keeps a failed connection open until its peer has stopped sending for 200 ms, or ended. A proxy that is told of the
 * end while bytes still come drops the connection at once, and the close frame with the reason is lost on its way.
 */
export function lingerBeforeEnd(socket: Socket): void {
  const end: () => void = socket.end.bind(socket) as () => void
  const timer = setTimeout(end, QUIET)
  socket.on('data', () => timer.refresh())
  socket.once('end', () => end())
  socket.once('close', () => clearTimeout(timer))
  socket.end = () => socket
}
