import type { Socket } from 'node:net'
import { copyOf } from './copy.ts'
import { type Flow, Hold, PROBE_INTERVAL } from './flow.ts'
import { portionOf } from './pace.ts'

const NOTHING = Buffer.alloc(0)

/**
 * Passes on chunks of a socket in portions, no faster than this many bytes per second. It holds the flow in between, so
 * the operating system stops the sender. Limits nothing any more once the flow ignores limits.
 * @param read receives the portions
 * @returns the listener for the socket's `data` event
 */
export function limitReading(socket: Socket, flow: Flow, bytesPerSecond: number, read: (part: Buffer) => void) {
  const most = portionOf(bytesPerSecond)
  let dueAt = 0
  let timer: NodeJS.Timeout | undefined
  /** Memory of the bytes that are back in the socket. */
  let kept = 0
  // The flow's own probe needs longer holds.
  const probe = setInterval(() => socket.write(NOTHING), PROBE_INTERVAL)
  socket.once('close', () => {
    clearTimeout(timer)
    clearInterval(probe)
  })

  return (chunk: Buffer): void => {
    flow.countKept(-kept)
    kept = 0
    // A copy, because an unfinished message may keep its parts for long.
    const part = flow.isBounded ? copyOf(chunk.subarray(0, most)) : chunk
    read(part)
    const rest = chunk.subarray(part.length)
    if (!flow.isBounded) {
      if (rest.length > 0) read(rest)
      return
    }

    const now = performance.now()
    dueAt = Math.max(dueAt, now) + (part.length / bytesPerSecond) * 1000
    if (rest.length === 0 && dueAt - now < 1) return
    flow.hold(Hold.readRate)
    timer = setTimeout(() => flow.release(Hold.readRate), Math.ceil(dueAt - now))
    if (rest.length === 0) return
    // Not before the flow is held, because a flowing socket would emit it at once.
    socket.unshift(rest)
    kept = rest.buffer.byteLength
    flow.countKept(kept)
  }
}
