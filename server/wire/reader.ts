import { copyOf } from './copy.ts'
import { type Deflate, Inflater } from './deflate.ts'
import type { FastPath } from './fast-path.ts'
import { costOf, type Flow, Hold } from './flow.ts'
import { First } from './frame-header.ts'
import { PerMessageDeflate, Receiver } from './internals.ts'
import type { Scheduler } from './scheduler.ts'
import type { Sender } from './sender.ts'

/** Events from a peer, in the order in which they arrive. */
export type Incoming = {
  onMessage(payload: Buffer, isBinary: boolean): void
  onPing(payload: Buffer): void
  onPong(payload: Buffer): void
  /** A close frame arrived. The code is 1005 if the frame has none (RFC 6455, section 7.1.5). */
  onClose(code: number, reason: Buffer): void
  /** The peer violated the protocol. The code is for the close frame that says so (section 7.1.7). */
  onFailure(code: number, problem: string): void
  /** The peer ended its side of the TCP connection. */
  onEnd(): void
}

export type ReaderOptions = {
  maxPayload: number
  maxFragments: number
  /** Milliseconds within which more of an unfinished message must arrive. */
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

// The smallest part of an incomplete frame that is passed on, in bytes. `ws` keeps a list of the parts.
const MIN_PART = 4096

// Units of work between looks at the clock. A frame on the fast path is one unit, any other frame is more.
const MAX_WORK = 64
const SLOW_WORK = 8

// Bytes that count as one unit of work.
const BYTES_PER_WORK = 1024

// The wording of `ws`.
const INVALID_UTF8 = 'Invalid WebSocket frame: invalid UTF-8 sequence'

/**
 * Cuts chunks into frames and passes each to the fast path or to `ws`. It waits while the flow is held, and while `ws`
 * is busy. So frames keep their order, and `ws` always starts at the beginning of a frame.
 */
export class Reader {
  /** Bytes that are not read yet: the start of a frame, or everything that arrived while the flow was held. */
  private rest: Buffer | undefined
  /** Bytes still to come of the current frame. */
  private remaining = 0
  private isSkipping = false
  /** Whether no part of the frame has been passed on. */
  private isNew = false
  private isControl = false
  private isFragmented = false
  /** Memory of the parts of an unfinished message that the receiver keeps. */
  private kept = 0
  private mode: 'all' | 'only close' | 'nothing' = 'all'
  private hasEnded = false
  private receiver: Receiver | undefined
  private inflater: Inflater | undefined
  /** Fails the connection if no more of an unfinished message arrives. */
  private deadline: NodeJS.Timeout | undefined
  private heldSince: number | undefined
  /** Whether more of a message has arrived since the deadline was set. */
  private hasProgressed = false
  /** The work since the last look at the clock, the end of the time slice, and its tick of the event loop. */
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

  /** The peer has ended its side. */
  end(): void {
    this.hasEnded = true
    this.proceed()
  }

  /** Skips everything except a close frame from now on. */
  awaitClose(): void {
    if (this.mode !== 'all') return
    this.mode = 'only close'
    clearTimeout(this.deadline)
    const remaining = this.context.fastPath?.drop()
    if (!remaining) return
    this.remaining = remaining
    this.isSkipping = true
  }

  /** Reads nothing more, and drops an unfinished message. */
  stop(): void {
    this.mode = 'nothing'
    clearTimeout(this.deadline)
    this.context.fastPath?.drop()
    this.inflater?.stop()
    this.takeRest()
    this.forget()
    this.receiver = undefined
    this.context.flow.release(Hold.inflating)
  }

  /** Judges frames as if the peer had sent them, with nothing before. Calls back if they are valid. */
  judge(frames: Buffer, done: () => void): void {
    const receiver = this.createReceiver()
    receiver.write(frames, error => error || done())
    if (receiver.errored) this.stop()
  }

  /** Continues where the flow was held. */
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
    // These may release the flow, which continues reading.
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

  /** A socket gets one slice per tick of the event loop, even if several of its chunks arrive in it. */
  private isSliceOver(): boolean {
    const { scheduler } = this.context.options
    this.work = 0
    // Only after some work: `currentTick` schedules an immediate, which is too expensive for a single short message.
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

  /** Sets a deadline while a message is unfinished. It does not expire while the server does not read. */
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
      // Short holds do not extend the deadline, because a peer can cause any number of them.
      const held = this.heldSince === undefined ? 0 : performance.now() - this.heldSince
      this.heldSince = undefined
      if (this.hasProgressed || held > options.messageTimeout / 2) this.deadline.refresh()
    }
    this.hasProgressed = false
  }

  private expire(): void {
    const { flow, options } = this.context
    if (flow.isHeld) this.deadline?.refresh()
    else this.fail(1008, `No more of an unfinished message arrived for ${options.messageTimeout} ms`)
  }

  /** Reads a frame, or a part of it, at `at`. Returns where to continue, or -1 if more bytes are needed. */
  private step(chunk: Buffer, at: number): number {
    const { fastPath, flow, incoming, sender } = this.context
    if (this.remaining > 0) return this.passOn(chunk, at)
    if (fastPath?.isWithin) {
      this.hasProgressed = true
      return fastPath.proceed(chunk, at, () => this.fail(1007, INVALID_UTF8))
    }

    const available = chunk.length - at
    if (available < 2) return -1
    const first = chunk[at] as number
    const second = chunk[at + 1] as number
    // A frame that is unmasked from a client, or masked from a server (section 5.1), is an error, wherever it ends.
    const { isClient } = flow
    if (second < 0x80 !== isClient) return this.begin(first, Number.POSITIVE_INFINITY, at)
    const shortLength = second & 0x7f
    const headerSize = (shortLength < 126 ? 2 : shortLength === 126 ? 4 : 10) + (isClient ? 0 : 4)
    if (available < headerSize) return -1
    const length =
      shortLength < 126
        ? shortLength
        : shortLength === 126
          ? chunk.readUInt16BE(at + 2)
          : chunk.readUInt32BE(at + 2) * 2 ** 32 + chunk.readUInt32BE(at + 6)
    // A length must have its shortest form (section 5.2).
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

  /** Starts to pass on or to skip a frame. */
  private begin(first: number, size: number, at: number): number {
    const opcode = first & 0x0f
    this.isControl = opcode > 0x07
    if (opcode <= 0x02) this.isFragmented = first < 0x80
    this.remaining = size
    this.isNew = true
    // An unmasked frame cannot be skipped: its end, where a close frame might begin, is unknown.
    this.isSkipping = this.mode === 'only close' && opcode !== 0x08 && size < Number.POSITIVE_INFINITY
    return at
  }

  private passOn(chunk: Buffer, at: number): number {
    const next = Math.min(chunk.length, at + this.remaining)
    const isWhole = next - at === this.remaining
    if (!this.isControl) this.hasProgressed = true
    if (!this.isSkipping) {
      // The header is passed on at once, because it may be invalid.
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
    // Only compressed messages take time.
    if (!deflate) receiver.write(bytes)
    else receiver.write(bytes, error => error || receiver.writableLength > 0 || flow.release(Hold.inflating))
    if (receiver.errored) this.stop()
    else if (receiver.writableLength > 0) flow.hold(Hold.inflating)
  }

  /** The receiver no longer keeps any part of a message. */
  private forget(): void {
    this.context.flow.countKept(-this.kept)
    this.kept = 0
  }

  private createReceiver(): Receiver {
    const { deflate, flow, incoming, options } = this.context
    const { maxPayload, maxFragments } = options
    const extensions: Record<string, Inflater> = {}
    if (deflate) this.inflater = extensions[PerMessageDeflate.extensionName] = new Inflater(flow, maxPayload, deflate)
    const receiver = new Receiver({ maxPayload, maxFragments, isServer: !flow.isClient, extensions })
    receiver.on('message', (payload: Buffer, isBinary: boolean) => {
      this.forget()
      incoming.onMessage(payload, isBinary)
    })
    receiver.on('ping', (payload: Buffer) => incoming.onPing(payload))
    receiver.on('pong', (payload: Buffer) => incoming.onPong(payload))
    receiver.on('conclude', (code: number, reason: Buffer) => {
      this.stop()
      // A copy, because the reason may be part of a large chunk.
      incoming.onClose(code, Buffer.from(reason))
    })
    receiver.on('error', (error: NodeJS.ErrnoException) => this.fail(closeCodeOf(error), error.message))
    return receiver
  }

  private fail(code: number, problem: string): void {
    this.stop()
    this.context.incoming.onFailure(code, problem)
  }
}

/** Returns the part, or a copy if the part would keep a much larger chunk in memory. */
function keepable(part: Buffer, chunk: Buffer): Buffer {
  return part.length > chunk.length / 2 ? part : copyOf(part)
}

function unmasked(chunk: Buffer, at: number, length: number): Buffer {
  const payload = Buffer.allocUnsafe(length)
  for (let i = 0; i < length; i++) payload[i] = (chunk[at + i] as number) ^ (chunk[at - 4 + (i & 3)] as number)
  return payload
}

/** Returns the close code for an error of `ws` (section 7.4.1), or of zlib for data that cannot be inflated. */
function closeCodeOf({ code = '' }: NodeJS.ErrnoException): number {
  if (!code.startsWith('WS_') || code === 'WS_ERR_INVALID_UTF8') return 1007
  if (/^WS_ERR_UNSUPPORTED_\w+_LENGTH$/.test(code)) return 1009
  return code === 'WS_ERR_TOO_MANY_BUFFERED_PARTS' ? 1008 : 1002
}
