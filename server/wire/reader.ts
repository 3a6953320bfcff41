import type { Deflate } from './deflate.ts'
import type { FastPath } from './fast-path.ts'
import { type Flow, Hold } from './flow.ts'
import { First } from './frame-header.ts'
import { PerMessageDeflate, Receiver } from './internals.ts'
import type { Sender } from './sender.ts'

/** What comes from a peer, in its order. */
export type Incoming = {
  onMessage(payload: Buffer, isBinary: boolean): void
  onPing(payload: Buffer): void
  onPong(payload: Buffer): void
  /** A close frame came; the code is 1005 if it had none (RFC 6455, section 7.1.5). */
  onClose(code: number, reason: Buffer): void
  /** The peer broke the protocol, and should be told so by this close code (section 7.1.7). */
  onFailure(code: number, problem: string): void
  /** The peer ended its side of the TCP connection. */
  onEnd(): void
}

type Surroundings = {
  flow: Flow
  sender: Sender
  deflate: Deflate | undefined
  fastPath: FastPath | undefined
  options: { maxPayload: number; maxFragments: number }
  incoming: Incoming
}

// Of a rest that is shorter, a copy is kept instead of the whole chunk.
const SHORT = 200

// As `ws` says it.
const INVALID_UTF8 = 'Invalid WebSocket frame: invalid UTF-8 sequence'

/**
 * Cuts what comes into frames, and hands each to the fast path or to `ws`: none while the flow is held, and none to `ws`
 * while it is busy with another or has failed. So nothing overtakes, and `ws` never begins in the middle of a frame.
 */
export class Reader {
  /** What has come and isn't read yet: the beginning of a header, or what came before the flow was held. */
  private rest: Buffer | undefined
  /** Bytes still to come of the frame that is handed on or skipped. */
  private owed = 0
  private isSkipping = false
  private isFragmented = false
  private mode: 'all' | 'only close' | 'nothing' = 'all'
  private hasEnded = false
  private receiver: Receiver | undefined
  private readonly around: Surroundings

  constructor(around: Surroundings) {
    this.around = around
  }

  read(chunk: Buffer): void {
    if (this.mode !== 'nothing') this.consume(this.rest ? Buffer.concat([this.rest, chunk]) : chunk)
  }

  /** Nothing more will come. */
  end(): void {
    this.hasEnded = true
    this.proceed()
  }

  /** Skips everything but a close frame from now on. */
  awaitClose(): void {
    if (this.mode !== 'all') return
    this.mode = 'only close'
    const owed = this.around.fastPath?.drop()
    if (!owed) return
    this.owed = owed
    this.isSkipping = true
  }

  /** Reads nothing more. */
  stop(): void {
    this.mode = 'nothing'
    this.rest = undefined
  }

  /** Reads on where the flow was held. */
  proceed(): void {
    if (this.rest) this.consume(this.rest)
    if (!this.hasEnded || this.around.flow.isHeld) return
    this.hasEnded = false
    this.around.incoming.onEnd()
  }

  private consume(chunk: Buffer): void {
    const { flow, fastPath } = this.around
    this.rest = undefined
    flow.collect(true)
    let at = 0
    while (at < chunk.length && !flow.isHeld && this.mode !== 'nothing') {
      const next = this.step(chunk, at)
      if (next < 0) break
      at = next
    }
    if (at < chunk.length && this.mode !== 'nothing') {
      const left = chunk.subarray(at)
      this.rest = left.length < SHORT ? Buffer.from(left) : left
    }
    // These may release the flow, and so read on.
    fastPath?.flush()
    flow.collect(false)
  }

  /** Reads what begins at `at`, and returns where the next step begins, or -1 if it takes more than has come. */
  private step(chunk: Buffer, at: number): number {
    const { fastPath, incoming, sender } = this.around
    if (this.owed > 0) return this.passOn(chunk, at)
    if (fastPath?.isWithin) return fastPath.proceed(chunk, at, () => this.fail(1007, INVALID_UTF8))

    const available = chunk.length - at
    if (available < 2) return -1
    const first = chunk[at] as number
    const second = chunk[at + 1] as number
    // A frame without a mask (section 5.1) fails, wherever it ends.
    if (second < 0x80) return this.begin(first, Number.POSITIVE_INFINITY, at)
    const shortLength = second & 0x7f
    const headerSize = shortLength < 126 ? 6 : shortLength === 126 ? 8 : 14
    if (available < headerSize) return -1
    const length =
      shortLength < 126
        ? shortLength
        : shortLength === 126
          ? chunk.readUInt16BE(at + 2)
          : chunk.readUInt32BE(at + 2) * 2 ** 32 + chunk.readUInt32BE(at + 6)

    if (fastPath && this.mode === 'all') {
      if (first === First.text || first === First.binary) {
        const isNext = !this.isFragmented && sender.isIdle
        const next = isNext ? fastPath.take(chunk, at, headerSize, first, length) : -1
        if (next >= 0) return next
      } else if ((first === First.ping || first === First.pong) && shortLength < 126) {
        const end = at + headerSize + length
        if (end > chunk.length) return -1
        fastPath.flush()
        const payload = unmasked(chunk, at + headerSize, length)
        if (first === First.ping) incoming.onPing(payload)
        else incoming.onPong(payload)
        return end
      }
    }
    return this.begin(first, headerSize + length, at)
  }

  /** Begins to hand a frame on, or to skip it. */
  private begin(first: number, size: number, at: number): number {
    const opcode = first & 0x0f
    if (opcode <= 0x02) this.isFragmented = first < 0x80
    this.owed = size
    this.isSkipping = this.mode === 'only close' && opcode !== 0x08
    return at
  }

  private passOn(chunk: Buffer, at: number): number {
    const next = Math.min(chunk.length, at + this.owed)
    this.owed -= next - at
    if (!this.isSkipping) {
      this.around.fastPath?.flush()
      this.give(chunk.subarray(at, next))
    }
    return next
  }

  private give(bytes: Buffer): void {
    const { deflate, flow } = this.around
    this.receiver ??= this.createReceiver()
    const { receiver } = this
    // Only what is compressed takes its time.
    if (!deflate) receiver.write(bytes)
    else receiver.write(bytes, error => error || receiver.writableLength > 0 || flow.release(Hold.inflating))
    if (receiver.errored) this.stop()
    else if (receiver.writableLength > 0) flow.hold(Hold.inflating)
  }

  private createReceiver(): Receiver {
    const { deflate, incoming, options } = this.around
    const extensions = deflate ? { [PerMessageDeflate.extensionName]: deflate } : {}
    const receiver = new Receiver({ ...options, isServer: true, extensions })
    receiver.on('message', (payload: Buffer, isBinary: boolean) => incoming.onMessage(payload, isBinary))
    receiver.on('ping', (payload: Buffer) => incoming.onPing(payload))
    receiver.on('pong', (payload: Buffer) => incoming.onPong(payload))
    receiver.on('conclude', (code: number, reason: Buffer) => {
      this.stop()
      // A copy: it may be part of a large chunk.
      incoming.onClose(code, Buffer.from(reason))
    })
    receiver.on('error', (error: NodeJS.ErrnoException) => this.fail(closeCodeOf(error), error.message))
    return receiver
  }

  private fail(code: number, problem: string): void {
    this.stop()
    this.around.flow.release(Hold.inflating)
    this.around.incoming.onFailure(code, problem)
  }
}

function unmasked(chunk: Buffer, at: number, length: number): Buffer {
  const payload = Buffer.allocUnsafe(length)
  for (let i = 0; i < length; i++) payload[i] = (chunk[at + i] as number) ^ (chunk[at - 4 + (i & 3)] as number)
  return payload
}

/** The close code for an error of `ws` (section 7.4.1), or of zlib, which is given what can't be inflated. */
function closeCodeOf({ code = '' }: NodeJS.ErrnoException): number {
  if (!code.startsWith('WS_') || code === 'WS_ERR_INVALID_UTF8') return 1007
  if (/^WS_ERR_UNSUPPORTED_\w+_LENGTH$/.test(code)) return 1009
  return code === 'WS_ERR_TOO_MANY_BUFFERED_PARTS' ? 1008 : 1002
}
