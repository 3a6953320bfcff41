import { isUtf8 } from 'node:buffer'
import type { Socket } from 'node:net'
import { WebSocket } from 'ws'
import { type Held, holdBack } from './backpressure.ts'
import { sizeOfFrame, writeHeader } from './frame-header.ts'
import { createOutput, mask, type Output, unmaskInto } from './masking.ts'
import { count, createTally, type Tally } from './traffic.ts'

// Frames are put together here up to this size; `ws` grows with what really arrives, which suits larger ones better.
const LARGEST = 2 ** 20
const OUTPUT = 2 ** 16

// Large buffers kept for the next reply of the same size: touching fresh memory costs more than filling it.
const SPARES = 8

/** A reply that waits for the rest of its frame. */
type Reply = Output & { payloadAt: number; filled: number; mask: number[] }

const spares: Output[] = []

/** Replies are made here, one after the other, and leave in one write for each chunk that came. */
let output = createOutput(OUTPUT)

export type FastPathOptions = { prefix: Buffer; maxPayload: number; highWaterMark: number }

/**
 * Echoes the common frame, which is final, masked, uncompressed text or binary, straight from the socket's chunks, and
 * hands every other byte to `ws` untouched.
 *
 * Its invariant: it takes a frame only while `ws` has nothing of this connection in hand, neither part of a frame or
 * message nor a message whose reply is under way. So nothing overtakes, and `ws` never sees half of anything.
 *
 * What it bought, in CPU per message as a ratio to a bare `node:net` echo: 1.03 instead of 1.15 with 1 message in
 * flight, 1.1 instead of 15 with 16, and 1.0 instead of 0.4 of its speed with messages of 1 MiB (`npm run bench`).
 */
export class FastPath {
  /** What was answered here, in payloads as they came. */
  readonly received: Tally = createTally()
  /** Messages given to `ws` that are not answered yet. */
  private pending = 0
  /** Bytes to come of the frame that `ws` is reading. */
  private owed = 0
  /** `ws` is between the first and the last frame of a message. */
  private isFragmented = false
  private hasFailed = false
  /** A header that is cut, and how many bytes of it `ws` has been given already. */
  private header: Buffer | undefined
  private given = 0
  private reply: Reply | undefined

  private readonly ws: Held
  private readonly socket: Socket
  private readonly options: FastPathOptions
  private readonly compressionThreshold: number
  private readonly toWs: (chunk: Buffer) => void

  /**
   * Puts itself between a socket and the listener by which `ws` reads from it.
   * @param compressionThreshold bytes from which on a reply is compressed, and so left to `ws`
   */
  constructor(ws: Held, socket: Socket, options: FastPathOptions, compressionThreshold: number) {
    this.ws = ws
    this.socket = socket
    this.options = options
    this.compressionThreshold = compressionThreshold
    const [listener] = socket.listeners('data') as ((chunk: Buffer) => void)[]
    if (listener === undefined) throw new Error('ws does not listen to its socket')
    this.toWs = listener
    socket.off('data', listener)
    socket.on('data', this.read.bind(this))
  }

  /** To be called when `ws` has failed the connection: it wants nothing more of it. */
  onFailed(): void {
    this.hasFailed = true
  }

  /** To be called when `ws` has sent the reply to a message. */
  onReplied(): void {
    this.pending--
  }

  private get isMine(): boolean {
    return this.pending === 0 && !this.isFragmented && this.given === 0 && this.ws.readyState === WebSocket.OPEN
  }

  private read(bytes: Buffer): void {
    if (this.hasFailed) return
    const chunk = this.header ? Buffer.concat([this.header, bytes]) : bytes
    this.header = undefined
    const { prefix, maxPayload } = this.options
    const end = chunk.length
    let at = 0
    let filled = 0
    let isMine = this.isMine

    while (at < end) {
      if (this.owed > 0) {
        const next = Math.min(end, at + this.owed)
        this.owed -= next - at
        filled = this.flush(filled)
        this.hand(chunk.subarray(at, next))
        isMine = this.isMine
        at = next
        continue
      }

      if (this.reply) {
        filled = this.flush(filled)
        at += this.continueReply(this.reply, chunk, at)
        isMine = this.isMine
        continue
      }

      const available = end - at
      const first = chunk[at] as number
      const second = available > 1 ? (chunk[at + 1] as number) : 0x80
      const isText = first === 0x81
      const isCommon = isMine && (isText || first === 0x82) && second >= 0x80
      const shortLength = second & 0x7f
      const headerSize = shortLength < 126 ? 6 : shortLength === 126 ? 8 : 14

      if (available < headerSize) {
        this.header = Buffer.from(chunk.subarray(at))
        if (!isCommon) {
          filled = this.flush(filled)
          this.hand(chunk.subarray(at + this.given))
          this.given = available
        }
        break
      }

      const length =
        shortLength < 126
          ? shortLength
          : shortLength === 126
            ? chunk.readUInt16BE(at + 2)
            : chunk.readUInt32BE(at + 2) * 2 ** 32 + chunk.readUInt32BE(at + 6)
      const replyLength = isText ? prefix.length + length : length

      if (!isCommon || length > maxPayload || length > LARGEST || replyLength >= this.compressionThreshold) {
        this.note(first, second)
        this.owed = headerSize + length - this.given
        at += this.given
        this.given = 0
        continue
      }

      const replySize = sizeOfFrame(replyLength)
      for (let i = 0; i < 4; i++) mask[i] = chunk[at + headerSize - 4 + i] as number

      if (available < headerSize + length || replySize > OUTPUT) {
        const reply = takeOutput(replySize)
        const payloadAt = startReply(reply.bytes, 0, first, replyLength, isText ? prefix : undefined)
        this.reply = { ...reply, payloadAt, filled: payloadAt, mask: [...mask] }
        at += headerSize
        continue
      }

      if (filled + replySize > OUTPUT) filled = this.flush(filled)
      const payloadAt = startReply(output.bytes, filled, first, replyLength, isText ? prefix : undefined)
      const isAscii = unmaskInto(output, payloadAt, chunk, at + headerSize, length, 0)
      if (isText && !isAscii && !isUtf8(output.bytes.subarray(payloadAt, payloadAt + length))) {
        this.note(first, second)
        this.owed = headerSize + length
        continue
      }
      filled += replySize
      at += headerSize + length
      count(this.received, !isText, length)
    }

    this.flush(filled)
    holdBack(this.ws, this.socket, this.options.highWaterMark)
  }

  /**
   * Keeps account of a frame that `ws` is given (RFC 6455, section 5.4). After one that may fail or end the connection,
   * which `ws` may tell only later, nothing is taken any more.
   */
  private note(first: number, second: number): void {
    if ((first & 0x0f) <= 0x02) {
      this.isFragmented = first < 0x80
      if (!this.isFragmented) this.pending++
    } else if ((first !== 0x89 && first !== 0x8a) || second < 0x80 || second > 0xfd) {
      this.pending = Number.POSITIVE_INFINITY
    }
  }

  private hand(bytes: Buffer): void {
    if (!this.hasFailed) this.toWs.call(this.socket, bytes)
  }

  /** Takes what a chunk has of a reply's payload, sends the reply when it is whole, and returns how much it took. */
  private continueReply(reply: Reply, chunk: Buffer, at: number): number {
    const taken = Math.min(reply.bytes.length - reply.filled, chunk.length - at)
    mask.set(reply.mask)
    unmaskInto(reply, reply.filled, chunk, at, taken, (reply.filled - reply.payloadAt) & 3)
    reply.filled += taken
    if (reply.filled < reply.bytes.length) return taken

    this.reply = undefined
    const payload = reply.bytes.subarray(reply.payloadAt)
    if (reply.bytes[0] === 0x81 && !isUtf8(payload)) {
      this.pending = Number.POSITIVE_INFINITY
      this.hand(frameWithoutMask(payload))
    } else if (this.ws.readyState === WebSocket.OPEN) {
      count(this.received, reply.bytes[0] === 0x82, payload.length)
      this.socket.write(reply.bytes, error => {
        if (!error && spares.push(reply) > SPARES) spares.shift()
      })
    }
    return taken
  }

  /** Sends the replies made so far, and returns how many bytes of them are left to send: none. */
  private flush(filled: number): 0 {
    if (filled === 0) return 0
    const replies = output.bytes.subarray(0, filled)
    if (this.socket.writableLength > 0) {
      // It would wait in the queue, and so would all of the output's memory.
      this.socket.write(Buffer.from(replies))
    } else {
      this.socket.write(replies)
      if (this.socket.writableLength > 0) output = createOutput(OUTPUT)
    }
    return 0
  }
}

function takeOutput(size: number): Output {
  const spare = spares.findIndex(({ bytes }) => bytes.length === size)
  return (spare >= 0 && spares.splice(spare, 1)[0]) || createOutput(size)
}

/** Writes a reply's header and prefix, and returns where the rest of its payload goes. */
function startReply(target: Buffer, at: number, first: number, length: number, prefix: Buffer | undefined): number {
  at = writeHeader(target, at, first, length)
  if (prefix) for (let i = 0; i < prefix.length; i++) target[at++] = prefix[i] as number
  return at
}

/** A text frame as a client sends it, with a mask of zeros: what `ws` is given to fail the connection by itself. */
function frameWithoutMask(payload: Buffer): Buffer {
  const header = Buffer.from([0x81, 0xff, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0])
  header.writeUIntBE(payload.length, 4, 6)
  return Buffer.concat([header, payload])
}
