import type { Socket } from 'node:net'
import type { Config } from '../config/config.ts'
import type { Budget, Throttled } from './budget.ts'

/** The reasons for not reading from a peer. */
export const Hold = {
  backlog: 1,
  inflating: 2,
  stalled: 4,
  memory: 8,
  slice: 16,
  readRate: 32,
  busy: 64,
  otherSide: 128,
} as const
export type Hold = (typeof Hold)[keyof typeof Hold]

export type FlowOptions = Pick<Config, 'highWaterMark' | 'stallTimeout'> & {
  budget: Budget
  /** Whether this end is the client of its connection, and so masks its frames (RFC 6455, section 5.1). */
  isClient?: boolean
}

export type Written = (error?: Error | null) => void

// Memory that a waiting buffer takes besides its bytes: the entry in the queue, the buffer object, and a callback.
const ENTRY = 512

// Milliseconds between checks whether a peer that is not read from still exists.
export const PROBE_INTERVAL = 30_000

// Frames up to this size are collected and written together.
const MAX_COLLECTED = 2 ** 14

const NOTHING = Buffer.alloc(0)
const NO_FRAMES: never[] = []

/** Returns the memory that a waiting payload of this length takes, in bytes. */
export const costOf = (length: number): number => ENTRY + length

/**
 * Counts all bytes that wait for one peer, and decides alone whether the server reads from their source: the same peer,
 * or the peer on the other side of a relay. Bytes must not pile up for a peer that does not read.
 */
export class Flow implements Throttled {
  readonly isClient: boolean
  /** Memory of the bytes that wait for the peer. */
  waiting = 0
  /** Memory of the unfinished messages from the peer. */
  private kept = 0
  /** Bytes of replies that are still to be made. */
  private pending = 0
  /** The current reasons, as bits. */
  private holds = 0
  private mode: 'bounded' | 'unbounded' | 'ended' = 'bounded'
  private isWatched = false
  private probe: NodeJS.Timeout | undefined
  private isCollecting = false
  private collected: { head: Buffer; written: Written }[] = NO_FRAMES
  /** The other side of a relay. Without one, itself. */
  private twin: Flow = this
  private readonly socket: Socket
  private readonly options: FlowOptions
  private readonly reader: { proceed(): void }

  /** @param reader continues when there is no reason left to hold it, before new data arrives */
  constructor(socket: Socket, options: FlowOptions, reader: { proceed(): void }) {
    this.socket = socket
    this.options = options
    this.isClient = options.isClient === true
    this.reader = reader
  }

  /** Makes two flows the sides of a relay, each with the messages that the other one sends. */
  join(twin: Flow): void {
    this.twin = twin
    twin.twin = this
  }

  /** Memory kept for this peer in both directions, in bytes. */
  get holding(): number {
    return this.waiting + this.kept
  }

  /** Whether the socket is gone. */
  get hasEnded(): boolean {
    return this.mode === 'ended'
  }

  /** Whether bytes can still be sent. */
  get isWritable(): boolean {
    return this.mode !== 'ended' && !this.socket.writableEnded
  }

  /** Whether limits apply. They end when no more replies will follow. */
  get isBounded(): boolean {
    return this.mode === 'bounded'
  }

  get isHeld(): boolean {
    return this.holds !== 0
  }

  /** Whether bytes wait in the socket. */
  get isBehind(): boolean {
    return this.socket.writableLength > 0
  }

  /** Counts memory of bytes that start to wait. Negative when they stop. */
  countWaiting(cost: number): void {
    if (this.mode === 'ended') return
    this.waiting += cost
    this.options.budget.add(cost, this)
    this.balance()
    if (this.waiting === 0) this.watch(false)
  }

  /** Counts bytes that will be sent but take no memory yet. Negative when they do. */
  countPending(bytes: number): void {
    if (this.mode === 'ended') return
    this.pending += bytes
    this.balance()
  }

  private balance(): void {
    const { options, twin } = this
    const due = this.waiting + this.pending
    if (due > options.highWaterMark && twin.mode === 'bounded') twin.hold(Hold.backlog)
    else if (due < options.highWaterMark / 2) twin.release(Hold.backlog)
  }

  /** Counts memory of unfinished messages from the peer. Negative when it is freed. */
  countKept(cost: number): void {
    if (this.mode === 'ended' || cost === 0) return
    this.kept += cost
    this.options.budget.add(cost, this)
  }

  /** Stops or resumes reading because of the memory budget. */
  throttle(isOn: boolean): void {
    for (const [flow, reason] of [
      [this, Hold.memory],
      [this.twin, Hold.otherSide],
    ] as const) {
      if (isOn && flow.mode === 'bounded') flow.hold(reason)
      else flow.release(reason)
    }
  }

  hold(reason: Hold): void {
    if (this.mode === 'ended') return
    if (this.holds === 0) {
      this.socket.pause()
      // A paused socket does not even report the peer's end. An empty write reports an error that keep-alive has found.
      this.probe = setInterval(() => this.socket.write(NOTHING), PROBE_INTERVAL)
    }
    this.holds |= reason
  }

  release(reason: Hold): void {
    if ((this.holds & reason) === 0 || this.mode === 'ended') return
    this.holds &= ~reason
    if (this.holds !== 0) return
    clearInterval(this.probe)
    this.socket.resume()
    this.reader.proceed()
  }

  /** Reads on from now on, even if many bytes wait, because no more replies will follow. */
  ignoreLimits(): void {
    if (this.mode === 'bounded') this.mode = 'unbounded'
    for (const reason of [Hold.backlog, Hold.stalled, Hold.memory, Hold.readRate, Hold.busy, Hold.otherSide]) {
      this.release(reason)
    }
  }

  /** Ends the connection because of an error that is not the peer's fault. */
  fail(error: Error): void {
    this.socket.destroy(error)
  }

  /**
   * Writes to the socket, unless this side has ended. Calls back when the operating system has taken the bytes, which may
   * be before this returns.
   * @param body follows the head and is not copied
   */
  write(head: Buffer, written: Written, body: Buffer = NOTHING): void {
    if (!this.isWritable) return
    if (this.isCollecting && body.length === 0 && head.length <= MAX_COLLECTED) {
      if (this.collected.length === 0) this.collected = []
      this.collected.push({ head, written })
      this.countWaiting(costOf(head.length))
    } else {
      this.flush()
      this.writeNow(head, written, body, costOf(head.length + body.length))
    }
  }

  /** Starts collecting small frames for what is read here, so that they leave in one write, or stops and sends them. */
  collect(isOn: boolean): void {
    this.twin.isCollecting = isOn
    if (!isOn) this.twin.flush()
  }

  /** Sends the collected frames. */
  flush(): void {
    const { collected } = this
    if (collected.length === 0) return
    this.collected = NO_FRAMES
    const heads = collected.map(({ head }) => head)
    const callbacks = collected.map(({ written }) => written)
    // Each frame still counts in full, because its callback waits.
    const cost = heads.reduce((sum, { length }) => sum + costOf(length), 0)
    const all: Written = error => {
      for (const written of callbacks) written(error)
    }
    this.writeNow(heads.length > 1 ? Buffer.concat(heads) : (heads[0] as Buffer), all, NOTHING, cost)
    // Only now, because it may resume the reader, whose next replies must not overtake these.
    this.countWaiting(-cost)
  }

  private writeNow(head: Buffer, written: Written, body: Buffer, cost: number): void {
    if (this.isBehind) this.writeBoth(head, body, this.whenTaken(cost, written))
    else if (this.writeFirst(head, body)) written(this.socket.errored)
    else this.writeBehind(cost, written)
  }

  /**
   * Writes to a socket in which nothing waits.
   * @returns whether the operating system took all bytes. If not, call `writeBehind`.
   */
  writeFirst(head: Buffer, body: Buffer = NOTHING): boolean {
    this.writeBoth(head, body)
    return !this.isBehind
  }

  /** Calls back when the bytes of `writeFirst` have been taken. */
  writeBehind(cost: number, written: Written): void {
    // The callback of an empty write comes after the bytes before it.
    this.socket.write(NOTHING, this.whenTaken(cost, written))
  }

  /** Forgets all bytes because the socket is gone. */
  end(): void {
    const { budget } = this.options
    clearInterval(this.probe)
    this.watch(false)
    budget.add(-this.holding)
    budget.forget(this)
    this.waiting = 0
    this.kept = 0
    this.pending = 0
    this.mode = 'ended'
    for (const reason of [Hold.backlog, Hold.otherSide]) this.twin.release(reason)
  }

  /** Ends another flow, and counts in its place everything that it counted. */
  replace(other: Flow): void {
    const { waiting, kept, pending } = other
    other.end()
    this.countKept(kept)
    this.countPending(pending)
    this.countWaiting(waiting)
  }

  private whenTaken(cost: number, written: Written): Written {
    this.countWaiting(cost)
    this.watch(true)
    return error => {
      this.countWaiting(-cost)
      written(error)
    }
  }

  private writeBoth(head: Buffer, body: Buffer, taken?: Written): void {
    const { socket } = this
    if (body.length === 0) return void socket.write(head, taken)
    socket.cork()
    socket.write(head)
    socket.write(body, taken)
    socket.uncork()
  }

  /** The timer of a Node.js socket restarts with every byte that arrives or that the operating system takes. */
  private watch(isOn: boolean): void {
    if (this.isWatched === isOn) return
    this.isWatched = isOn
    this.socket.setTimeout(isOn ? this.options.stallTimeout : 0)
  }
}
