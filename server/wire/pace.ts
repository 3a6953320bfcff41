import type { Socket } from 'node:net'

// Milliseconds for which one portion of a limited rate lasts.
const STEP = 20

// Milliseconds between two slices.
const GAP = 2

/** Returns how many bytes of a limited rate pass at a time. */
export const portionOf = (bytesPerSecond: number): number => Math.max(1, Math.floor((bytesPerSecond * STEP) / 1000))

/**
 * Limits the bytes per second that leave a socket.
 * @returns a function that lifts the limit, so that waiting bytes leave at once
 */
export function limitRate(socket: Socket, bytesPerSecond: number): () => void {
  return pace(socket, portionOf(bytesPerSecond), (dueAt, bytes) => dueAt + (bytes / bytesPerSecond) * 1000)
}

/**
 * Makes everything leave a socket in slices of at most this many bytes, 2 ms apart. With TCP_NODELAY each is a segment,
 * unless segments wait in the operating system for a peer that does not read.
 * @returns a function that lifts the limit, so that waiting bytes leave at once
 */
export function slice(socket: Socket, bytes: number): () => void {
  return pace(socket, bytes, () => performance.now() + GAP)
}

/**
 * Sends bytes in portions, one at a time. Bytes that wait count in the socket's `writableLength`. A socket can be paced
 * several times: the portions of one pace are then cut again by the one before it.
 * @param next returns when a portion of this many bytes is due, as of `performance.now()`. `dueAt` is when the one
 *   before it was due, or now if that is later.
 */
function pace(socket: Socket, most: number, next: (dueAt: number, bytes: number) => number): () => void {
  const write = socket._write.bind(socket)
  let dueAt = 0
  let timer: NodeJS.Timeout | undefined
  /** Sends the waiting portion, if there is one. */
  let sendPending: (() => void) | undefined
  let isReleased = false

  // Without `_writev`, Node.js passes writes one at a time and not as a list.
  Object.defineProperty(socket, '_writev', { value: undefined })
  socket._write = (chunk: Buffer, encoding, callback) => {
    let at = 0
    const sendPart = () => {
      sendPending = undefined
      const part = isReleased ? chunk.subarray(at) : chunk.subarray(at, at + most)
      at += part.length
      write(part, encoding, error => (error || at === chunk.length ? callback(error) : waitForPart()))
    }
    const waitForPart = () => {
      if (isReleased) return sendPart()
      dueAt = next(dueAt, Math.min(most, chunk.length - at))
      sendPending = sendPart
      const wait = dueAt - performance.now()
      if (wait < 1) sendPart()
      else timer = setTimeout(sendPart, Math.ceil(wait))
    }
    dueAt = Math.max(dueAt, performance.now())
    waitForPart()
  }
  socket.once('close', () => clearTimeout(timer))

  return () => {
    isReleased = true
    clearTimeout(timer)
    sendPending?.()
  }
}
