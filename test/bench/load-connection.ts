import { connect, type Socket } from 'node:net'
import { performance, type RecordableHistogram } from 'node:perf_hooks'
import { handshake } from '../suite/raw-client.ts'
import { CHUNK, type Stream } from './stream.ts'

export type LoadConnection = {
  /** Keeps this many messages in flight until `stop`. */
  start(inFlight: number): void
  /** Stops sending, and resolves when every message is answered. */
  stop(): Promise<void>
  /** The number of replies so far. */
  replies(): number
  /** The number of unanswered messages. */
  inFlight(): number
  close(): void
}

export type LoadConnectionOptions = {
  url: string
  stream: Stream
  /** The index of the first message. */
  first: number
  /** Records nanoseconds from a message to its reply, for one message at a time. */
  latencies: RecordableHistogram
  /** Called with a description of a wrong byte, an extra reply, or the connection's end. */
  onError: (problem: string) => void
  /** If given, an end between two replies is no error, and this is called with the close code or the refused handshake. */
  onEnd?: (code: number, refusal?: string) => void
}

// Shared by all connections, because each handles its data before the next one reads.
const chunk = Buffer.allocUnsafe(CHUNK)
const PING = 0x89
const CLOSE = 0x88

/** Opens a connection that sends prepared frames and compares every received byte with the expected one. */
export function openLoadConnection(options: LoadConnectionOptions): Promise<LoadConnection> {
  const { url, stream, latencies, onError, onEnd } = options
  const { count, requestLength, replyLength } = stream
  const { hostname, port, protocol } = new URL(url)
  const opened = Promise.withResolvers<LoadConnection>()
  const ringLength = count * replyLength

  let head = protocol === 'tcp:' ? undefined : ''
  let next = options.first
  let expected = options.first * replyLength
  let received = 0
  let partial = 0
  let inFlight = 0
  let replies = 0
  let sending = false
  let drained = Promise.withResolvers<void>()
  let timedAt = 0
  let untilTimed = 0

  const send = (messages: number, now: number) => {
    socket.write(stream.requests.subarray(next * requestLength, (next + messages) * requestLength))
    next = (next + messages) % count
    inFlight += messages
    if (untilTimed <= 0) {
      untilTimed = inFlight
      timedAt = now
    }
  }

  const receive = (start: number, end: number) => {
    const length = end - start
    if (stream.replies.compare(chunk, start, end, expected, expected + length) !== 0) return differ(start, end)
    expected = (expected + length) % ringLength
    received += length
    partial += length
    const messages = Math.floor(partial / replyLength)
    if (messages === 0) return
    partial -= messages * replyLength
    inFlight -= messages
    replies += messages
    if (inFlight < 0) return onError('sent more replies than there were messages')
    const now = performance.now()
    untilTimed -= messages
    if (untilTimed <= 0) latencies.record(Math.max(1, Math.round((now - timedAt) * 1e6)))
    if (sending) send(messages, now)
    else if (inFlight === 0) drained.resolve()
  }

  /** Handles bytes that differ: a ping before a reply is answered, a close may be fine, all else is an error. */
  const differ = (start: number, end: number) => {
    let at = start
    while (chunk[at] === stream.replies[expected + at - start]) at++
    const length = chunk[at + 1] ?? 0
    const isBetween = (partial + at - start) % replyLength === 0 && at + 2 + length <= end
    if (isBetween && chunk[at] === CLOSE && onEnd) {
      if (at > start) receive(start, at)
      return finish(length < 2 ? 1005 : chunk.readUInt16BE(at + 2))
    }
    const pinged = isBetween && chunk[at] === PING
    if (!pinged) {
      const show = (bytes: Buffer, from: number) =>
        JSON.stringify(bytes.toString('latin1', from, from + Math.min(40, end - at)))
      const wanted = show(stream.replies, expected + at - start)
      return onError(`byte ${received + at - start} of its replies: expected ${wanted}, got ${show(chunk, at)}`)
    }
    const payload = chunk.subarray(at + 2, at + 2 + length)
    socket.write(Buffer.concat([Buffer.from([0x8a, 0x80 | length, 0, 0, 0, 0]), payload]))
    const rest = at + 2 + length
    if (at > start) receive(start, at)
    if (rest < end) receive(rest, end)
  }

  const finish = (code: number, refusal?: string) => {
    connection.close()
    onEnd?.(code, refusal)
  }

  const connection: LoadConnection = {
    start(messages) {
      sending = true
      send(messages, performance.now())
    },
    stop() {
      sending = false
      drained = Promise.withResolvers()
      if (inFlight === 0) drained.resolve()
      return drained.promise
    },
    replies: () => replies,
    inFlight: () => inFlight,
    close() {
      sending = false
      socket.removeAllListeners('close').resetAndDestroy()
    },
  }

  const open = (length: number) => {
    const read = head + chunk.toString('latin1', 0, length)
    const rest = read.length - read.indexOf('\r\n\r\n') - 4
    head = rest > read.length - 4 ? read : undefined
    if (head !== undefined) return
    if (!read.startsWith('HTTP/1.1 101 ')) {
      const refusal = `can't connect: ${read.split('\r\n', 1)[0]}`
      return onEnd ? finish(1006, refusal) : onError(refusal)
    }
    if (rest > 0) return receive(length - rest, length)
    opened.resolve(connection)
  }

  const socket: Socket = connect({
    host: hostname,
    port: Number(port || 80),
    noDelay: true,
    onread: {
      buffer: chunk,
      callback(length) {
        if (head === undefined) receive(0, length)
        else open(length)
        return true
      },
    },
  })
  socket.on('error', error => {
    if (!onEnd) onError(error.message)
  })
  socket.on('close', () => (onEnd ? finish(1006) : onError('closed the connection')))
  socket.on('connect', () => {
    if (head === undefined) opened.resolve(connection)
    else socket.write(`${handshake(url)}\r\n`)
  })
  return opened.promise
}
