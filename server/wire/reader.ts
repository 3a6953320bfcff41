import { type Deflate, Inflater } from './deflate.ts'
import type { FastPath } from './fast-path.ts'
import { costOf, type Flow, Hold } from './flow.ts'
import { First } from './frame-header.ts'
import { PerMessageDeflate, Receiver } from './internals.ts'
import type { Sender } from './sender.ts'
import type { Scheduler } from './scheduler.ts'

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

export type ReaderOptions = {
  maxPayload: number
  maxFragments: number
  /** Milliseconds in which more of an unfinished message must come. */
  messageTimeout: number
  scheduler: Scheduler
}

type Context = {
  flow: Flow
  sender: Sender
  deflate: Deflate
  fastPath: FastPath | undefined
  options: ReaderOptions
  incoming: Incoming
}

// The smallest part of a frame, in bytes, that is passed on before the rest has arrived. `ws` keeps a list of the parts.
const MIN_PART = 4096

// How much is done before the time is looked at: a frame of the fast path counts as 1, another one as more.
const MAX_WORK = 64
const SLOW_WORK = 8

// Bytes that count as much as one frame of the fast path.
const BYTES_PER_WORK = 1024

// As `ws` says it.
const INVALID_UTF8 = 'Invalid WebSocket frame: invalid UTF-8 sequence'

/**
 * Cuts what comes into frames, and hands each to the fast path or to `ws`: none while the flow is held, and none to `ws`
 * while it is busy with another or has failed. So nothing overtakes, and `ws` never begins in the middle of a frame.
 */
export class Reader {
  /** What has come and isn't read yet: the beginning of a part, or what came before the flow was held. */
  private rest: Buffer | undefined
  /** Bytes still to come of the frame that is handed on or skipped. */
  private remaining = 0
  private isSkipping = false
  /** Whether nothing of the frame has been handed on. */
  private isNew = false
  private isControl = false
  private isFragmented = false
  /** What the parts cost that the receiver keeps of an unfinished message. */
  private kept = 0
  private mode: 'all' | 'only close' | 'nothing' = 'all'
  private hasEnded = false
  private receiver: Receiver | undefined
  private inflater: Inflater | undefined
  /** Fails the connection when no more of an unfinished message comes. */
  private deadline: NodeJS.Timeout | undefined
  private heldSince: number | undefined
  /** Whether more of a message has come since the deadline was set. */
  private hasProgressed = false
  /** What has been done since the time was looked at, when the slice is over, and the turn that it belongs to. */
  private work = 0
  private sliceEnd = 0
  private tick = -1
  private readonly context: Context

  constructor(context: Context) {
    this.context = context
  }

  read(chunk: Buffer): void {
    if (this.mode === 'nothing') return
    const rest = this.takeRest()
    this.consume(rest ? Buffer.concat([rest, chunk]) : chunk)
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
    clearTimeout(this.deadline)
    const remaining = this.context.fastPath?.drop()
    if (!remaining) return
    this.remaining = remaining
    this.isSkipping = true
  }

  /** Reads nothing more, and forgets what has come of a message. */
  stop(): void {
    this.mode = 'nothing'
    clearTimeout(this.deadline)
    this.context.fastPath?.drop()
    this.inflater?.stop()
    this.takeRest()
    this.forget()
    this.receiver = undefined
  }

  /** Reads on where the flow was held. */
  proceed(): void {
    const rest = this.takeRest()
    if (rest) this.consume(rest)
    else if (this.mode === 'all') this.watch()
    if (!this.hasEnded || this.context.flow.isHeld) return
    this.hasEnded = false
    this.context.incoming.onEnd()
  }

  private consume(chunk: Buffer): void {
    const { flow, fastPath } = this.context
    this.work += chunk.length / BYTES_PER_WORK
    flow.collect(true)
    let at = 0
    while (at < chunk.length && !flow.isHeld && this.mode !== 'nothing') {
      const next = this.step(chunk, at)
      if (next < 0) break
      at = next
      if (++this.work >= MAX_WORK && this.isSliceOver()) this.waitForSlice()
    }
    if (at < chunk.length && this.mode !== 'nothing') {
      this.rest = keepable(chunk.subarray(at), chunk)
      flow.countKept(this.rest.length)
    }
    // These may release the flow, and so read on.
    fastPath?.flush()
    flow.collect(false)
    if (this.mode === 'all') this.watch()
  }

  private takeRest(): Buffer | undefined {
    const { rest } = this
    if (!rest) return undefined
    this.rest = undefined
    this.context.flow.countKept(-rest.length)
    return rest
  }

  /** One turn of the event loop has one slice, though it may bring many chunks of one socket. */
  private isSliceOver(): boolean {
    const { scheduler } = this.context.options
    this.work = 0
    // Only after some work: `begin` schedules an immediate, which is too expensive for a single short message.
    const tick = scheduler.currentTick()
    if (tick === this.tick) return performance.now() > this.sliceEnd
    this.tick = tick
    this.sliceEnd = scheduler.sliceEnd()
    return false
  }

  private waitForSlice(): void {
    const { flow, options } = this.context
    flow.hold(Hold.slice)
    options.scheduler.wait(() => {
      this.tick = -1
      flow.release(Hold.slice)
    })
  }

  /** Sets a deadline while a message is unfinished. While this side doesn't read, it is put off. */
  private watch(): void {
    const { flow, fastPath, options } = this.context
    const isPartial = this.remaining > 0 && !this.isSkipping
    const isUnfinished = isPartial || this.isFragmented || this.rest !== undefined || fastPath?.isWithin
    if (!isUnfinished) {
      clearTimeout(this.deadline)
      this.deadline = undefined
      this.heldSince = undefined
      return
    }
    this.deadline ??= setTimeout(() => this.expire(), options.messageTimeout)
    if (flow.isHeld) {
      this.heldSince ??= performance.now()
    } else {
      // Short holds don't count: a peer can cause as many of them as it likes.
      const held = this.heldSince === undefined ? 0 : performance.now() - this.heldSince
      this.heldSince = undefined
      if (this.hasProgressed || held > options.messageTimeout / 2) this.deadline.refresh()
    }
    this.hasProgressed = false
  }

  private expire(): void {
    const { flow, options } = this.context
    if (flow.isHeld) this.deadline?.refresh()
    else this.fail(1008, `No more of a message came for ${options.messageTimeout} ms`)
  }

  /** Reads what begins at `at`, and returns where the next step begins, or -1 if it takes more than has come. */
  private step(chunk: Buffer, at: number): number {
    const { fastPath, incoming, sender } = this.context
    if (this.remaining > 0) return this.passOn(chunk, at)
    if (fastPath?.isWithin) {
      this.hasProgressed = true
      return fastPath.proceed(chunk, at, () => this.fail(1007, INVALID_UTF8))
    }

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
    // The shortest form of a length is the only valid one (section 5.2).
    if (shortLength >= 126 && length < (shortLength === 126 ? 126 : 2 ** 16)) {
      fastPath?.flush()
      this.fail(1002, 'Invalid WebSocket frame: length not in its shortest form')
      return chunk.length
    }

    if (fastPath && this.mode === 'all') {
      if (first === First.text || first === First.binary) {
        const isNext = !this.isFragmented && sender.isIdle
        const next = isNext ? fastPath.take(chunk, at, headerSize, first, length) : -1
        if (next >= 0) return next
      } else if ((first === First.ping || first === First.pong) && shortLength < 126) {
        const end = at + headerSize + length
        if (end > chunk.length) return -1
        this.work += SLOW_WORK
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
    this.isControl = opcode > 0x07
    if (opcode <= 0x02) this.isFragmented = first < 0x80
    this.remaining = size
    this.isNew = true
    // A frame without a mask isn't skipped: where it ends is unknown, and with it where a close frame would begin.
    this.isSkipping = this.mode === 'only close' && opcode !== 0x08 && size < Number.POSITIVE_INFINITY
    return at
  }

  private passOn(chunk: Buffer, at: number): number {
    const next = Math.min(chunk.length, at + this.remaining)
    const isWhole = next - at === this.remaining
    if (!this.isControl) this.hasProgressed = true
    if (!this.isSkipping) {
      // The header goes on at once: it may be wrong.
      if (!this.isNew && !isWhole && next - at < MIN_PART) return -1
      this.context.fastPath?.flush()
      this.work += SLOW_WORK
      const bytes = chunk.subarray(at, next)
      this.give(isWhole && !this.isFragmented ? bytes : keepable(bytes, chunk))
    }
    this.isNew = false
    this.remaining -= next - at
    return next
  }

  private give(bytes: Buffer): void {
    const { deflate, flow } = this.context
    this.receiver ??= this.createReceiver()
    const { receiver } = this
    if (!this.isControl) {
      const cost = costOf(bytes.length)
      this.kept += cost
      flow.countKept(cost)
    }
    // Only what is compressed takes its time.
    if (!deflate) receiver.write(bytes)
    else receiver.write(bytes, error => error || receiver.writableLength > 0 || flow.release(Hold.inflating))
    if (receiver.errored) this.stop()
    else if (receiver.writableLength > 0) flow.hold(Hold.inflating)
  }

  /** The receiver keeps nothing of a message any more. */
  private forget(): void {
    this.context.flow.countKept(-this.kept)
    this.kept = 0
  }

  private createReceiver(): Receiver {
    const { deflate, flow, incoming, options } = this.context
    const { maxPayload, maxFragments } = options
    const extensions: Record<string, Inflater> = {}
    if (deflate) this.inflater = extensions[PerMessageDeflate.extensionName] = new Inflater(flow, maxPayload)
    const receiver = new Receiver({ maxPayload, maxFragments, isServer: true, extensions })
    receiver.on('message', (payload: Buffer, isBinary: boolean) => {
      this.forget()
      incoming.onMessage(payload, isBinary)
    })
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
    this.context.flow.release(Hold.inflating)
    this.context.incoming.onFailure(code, problem)
  }
}

/** A part of a chunk, or a copy of it where it would keep a much larger chunk in memory. */
function keepable(part: Buffer, chunk: Buffer): Buffer {
  if (part.length > chunk.length / 2) return part
  // Not from Node.js's pool, of which it would keep a slab.
  const copy = Buffer.allocUnsafeSlow(part.length)
  part.copy(copy)
  return copy
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
