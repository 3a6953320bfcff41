import type { Socket } from 'node:net'
import type { Config } from '../config/config.ts'
import type { Budget, Throttled } from './budget.ts'

/** Why nothing is read from a peer. */
export const Hold = { backlog: 1, inflating: 2, stalled: 4, memory: 8, slice: 16 } as const
export type Hold = (typeof Hold)[keyof typeof Hold]

export type FlowOptions = Pick<Config, 'highWaterMark' | 'stallTimeout'> & { budget: Budget }

export type Written = (error?: Error | null) => void

// What a waiting buffer takes in memory beside its bytes: the queue's entry, the buffer's object, a callback.
const ENTRY = 512

// Milliseconds between two looks at whether a peer that isn't read from is still there.
const PROBE_INTERVAL = 30_000

// Bytes up to which a frame is collected with others.
const MAX_COLLECTED = 2 ** 14

const NOTHING = Buffer.alloc(0)
const NO_FRAMES: never[] = []

/** What it costs to let a payload of this length wait, in bytes. */
export const costOf = (length: number): number => ENTRY + length

/**
 * Counts the bytes that wait for one peer, wherever they wait, and alone decides whether the peer is read from: a peer that
 * doesn't read its replies must not make them pile up here.
 */
export class Flow implements Throttled {
  /** Bytes that wait for the peer, at what they cost. */
  waiting = 0
  /** Bytes from the peer that are kept until the rest of their message has come, at what they cost. */
  private kept = 0
  /** Bytes of replies that are still to be made from what is kept. */
  private pending = 0
  /** The reasons not to read, as bits. */
  private holds = 0
  private mode: 'bounded' | 'unbounded' | 'ended' = 'bounded'
  private isWatched = false
  private probe: NodeJS.Timeout | undefined
  private isCollecting = false
  private collected: { head: Buffer; written: Written }[] = NO_FRAMES
  private readonly socket: Socket
  private readonly options: FlowOptions
  private readonly reader: { proceed(): void }

  /** @param held reads on when nothing holds the flow any more, before anything new comes */
  constructor(socket: Socket, options: FlowOptions, reader: { proceed(): void }) {
    this.socket = socket
    this.options = options
    this.reader = reader
  }

  /** Bytes that are kept in memory for this peer, either way, at what they cost. */
  get holding(): number {
    return this.waiting + this.kept
  }

  /** Whether the socket is gone. */
  get hasEnded(): boolean {
    return this.mode === 'ended'
  }

  get isHeld(): boolean {
    return this.holds !== 0
  }

  /** Whether bytes wait in the socket itself. */
  get isBehind(): boolean {
    return this.socket.writableLength > 0
  }

  /** Counts bytes that begin to wait, or, when negative, that wait no longer. */
  countWaiting(cost: number): void {
    if (this.mode === 'ended') return
    this.waiting += cost
    this.options.budget.add(cost, this)
    this.balance()
    if (this.waiting === 0) this.watch(false)
  }

  /** Counts bytes that are still to be sent, but take no memory yet, or, when negative, that begin to. */
  countPending(bytes: number): void {
    if (this.mode === 'ended') return
    this.pending += bytes
    this.balance()
  }

  private balance(): void {
    const { highWaterMark } = this.options
    const due = this.waiting + this.pending
    if (due > highWaterMark && this.mode === 'bounded') this.hold(Hold.backlog)
    else if (due < highWaterMark / 2) this.release(Hold.backlog)
  }

  /** Counts bytes from the peer that begin to be kept, or, when negative, that are kept no longer. */
  countKept(cost: number): void {
    if (this.mode === 'ended' || cost === 0) return
    this.kept += cost
    this.options.budget.add(cost, this)
  }

  /** Stops reading because of the memory that all peers share, or reads on. */
  throttle(isOn: boolean): void {
    if (isOn && this.mode === 'bounded') this.hold(Hold.memory)
    else this.release(Hold.memory)
  }

  hold(reason: Hold): void {
    if (this.mode === 'ended') return
    if (this.holds === 0) {
      this.socket.pause()
      // Not even the peer's end is read now. But the system asks for a sign of life, and an empty write tells.
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

  /** Reads on from now on, however much waits: nothing that comes is answered any more. */
  ignoreLimits(): void {
    if (this.mode === 'bounded') this.mode = 'unbounded'
    for (const reason of [Hold.backlog, Hold.stalled, Hold.memory]) this.release(reason)
  }

  /** Ends the connection because of an error that is not the peer's. */
  fail(error: Error): void {
    this.socket.destroy(error)
  }

  /**
   * Writes to the socket, and calls back when the system has taken the bytes: before this returns, if it takes them at
   * once.
   * @param head may be followed by a body, which is not copied
   */
  write(head: Buffer, written: Written, body: Buffer = NOTHING): void {
    if (this.isCollecting && body.length === 0 && head.length <= MAX_COLLECTED) {
      if (this.collected.length === 0) this.collected = []
      this.collected.push({ head, written })
      this.countWaiting(costOf(head.length))
    } else {
      this.flush()
      this.writeNow(head, written, body, costOf(head.length + body.length))
    }
  }

  /** Collects what is written from now on, so that it leaves in one write, or ends that. */
  collect(isOn: boolean): void {
    this.isCollecting = isOn
    if (!isOn) this.flush()
  }

  /** Sends what has been collected. */
  flush(): void {
    const { collected } = this
    if (collected.length === 0) return
    this.collected = NO_FRAMES
    const heads = collected.map(({ head }) => head)
    const callbacks = collected.map(({ written }) => written)
    // Each frame goes on costing what it does, since its callback waits.
    const cost = heads.reduce((sum, { length }) => sum + costOf(length), 0)
    const all: Written = error => {
      for (const written of callbacks) written(error)
    }
    this.writeNow(heads.length > 1 ? Buffer.concat(heads) : (heads[0] as Buffer), all, NOTHING, cost)
    // Only now: it may release the reader, whose next replies must not overtake these.
    this.countWaiting(-cost)
  }

  private writeNow(head: Buffer, written: Written, body: Buffer, cost: number): void {
    if (this.isBehind) this.writeBoth(head, body, this.whenTaken(cost, written))
    else if (this.writeFirst(head, body)) written(this.socket.errored)
    else this.writeBehind(cost, written)
  }

  /**
   * Writes to a socket in which nothing waits.
   * @returns whether the system has taken all bytes; otherwise `writeBehind` has to follow
   */
  writeFirst(head: Buffer, body: Buffer = NOTHING): boolean {
    this.writeBoth(head, body)
    return !this.isBehind
  }

  /** Calls back when the bytes that were written, but not taken at once, have been taken. */
  writeBehind(cost: number, written: Written): void {
    // An empty write behind the bytes tells.
    this.socket.write(NOTHING, this.whenTaken(cost, written))
  }

  /** Forgets all waiting bytes: the socket is gone. */
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

  /** Node's own timer of a socket takes every byte that comes, or that the system accepts, for a sign of life. */
  private watch(isOn: boolean): void {
    if (this.isWatched === isOn) return
    this.isWatched = isOn
    this.socket.setTimeout(isOn ? this.options.stallTimeout : 0)
  }
}
