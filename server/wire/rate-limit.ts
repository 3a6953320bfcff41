import type { Socket } from 'node:net'

/** Milliseconds' worth of bytes that leave at a time. */
const STEP = 20

/**
 * Lets bytes leave a socket no faster than this many a second; those that wait count in its `writableLength`.
 * @returns ends that: whatever waits leaves at once
 */
export function limitRate(socket: Socket, bytesPerSecond: number): () => void {
  const write = socket._write.bind(socket)
  const most = Math.max(1, Math.floor((bytesPerSecond * STEP) / 1000))
  let dueAt = 0
  let timer: NodeJS.Timeout | undefined
  /** Sends the part that waits, if one does. */
  let sendPending: (() => void) | undefined
  let isReleased = false

  // Without it, writes come one at a time and not as a list.
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
