import type { Socket } from 'node:net'

/** Bytes are sent in portions for this many milliseconds. */
const STEP = 20

/**
 * Limits the bytes per second that leave a socket. Bytes that wait count in its `writableLength`.
 * @returns a function that lifts the limit, so that waiting bytes leave at once
 */
export function limitRate(socket: Socket, bytesPerSecond: number): () => void {
  const write = socket._write.bind(socket)
  const most = Math.max(1, Math.floor((bytesPerSecond * STEP) / 1000))
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
      dueAt += (Math.min(most, chunk.length - at) / bytesPerSecond) * 1000
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
