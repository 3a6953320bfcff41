export type Message = { payload: Buffer; isBinary: boolean }

export type OutboxOptions = {
  /** Milliseconds that the next reply waits. */
  wait: () => number
  /** Sends a message, and calls back when it has left. */
  send: (message: Message, isReply: boolean, sent: () => void) => void
}

/** A reply with how many more times it leaves, or a callback in its place. */
type Entry = {
  content: Message | (() => void)
  times: number
  /** When it came, in whole milliseconds: fractions would take memory of their own. */
  came: number
  next: Entry | undefined
}

/** What a waiting reply takes beside its payload. */
const OVERHEAD = 512

/** Replies on their way: each waits for its time and for the one before to have left, and so none overtakes. */
export class Outbox {
  /** Bytes that wait here. */
  waiting = 0
  private first: Entry | undefined
  private last: Entry | undefined
  /** When the first leaves, once that is known. */
  private due: number | undefined
  private lastDue = 0
  private pushed: Message[] = []
  private isSending = false
  private isClosed = false
  private timer: NodeJS.Timeout | undefined
  private readonly options: OutboxOptions

  constructor(options: OutboxOptions) {
    this.options = options
  }

  /** A reply, to be sent so many times. */
  reply(message: Message, times: number): void {
    if (this.isClosed) return
    this.waiting += sizeOf(message)
    this.add(message, times)
  }

  /** Calls back when all replies so far have left. */
  afterReplies(callback: () => void): void {
    this.add(callback, 1)
  }

  /** A message that is no reply, and waits for none that isn't due. */
  push(message: Message): void {
    if (this.isClosed) return
    this.waiting += sizeOf(message)
    this.pushed.push(message)
    this.sendNext()
  }

  /** Whether such a message is still here. */
  get isPushing(): boolean {
    return this.pushed.length > 0
  }

  /** Drops what is still here, and sends nothing more. */
  close(): void {
    this.isClosed = true
    clearTimeout(this.timer)
    this.first = undefined
    this.last = undefined
    this.pushed = []
    this.waiting = 0
  }

  private add(content: Entry['content'], times: number): void {
    if (this.isClosed) return
    const entry: Entry = { content, times, came: Math.ceil(performance.now()), next: undefined }
    if (this.last) this.last.next = entry
    else this.first = entry
    this.last = entry
    this.sendNext()
  }

  private sendNext(): void {
    if (this.isSending || this.isClosed) return
    const [pushed] = this.pushed
    const content = pushed ?? this.takeDue()
    if (content === undefined) return
    this.isSending = true
    const sent = () => {
      this.isSending = false
      if (pushed && this.pushed.shift()) this.waiting -= sizeOf(pushed)
      this.sendNext()
    }
    if (typeof content === 'function') {
      content()
      sent()
    } else {
      this.options.send(content, pushed === undefined, sent)
    }
  }

  /** Takes what is first if its time has come, else wakes up when it has. */
  private takeDue(): Entry['content'] | undefined {
    const { first } = this
    if (!first) return undefined
    const { content } = first
    const isReply = typeof content !== 'function'
    if (isReply) {
      this.due ??= Math.max(this.lastDue, first.came + this.options.wait())
      const wait = this.due - performance.now()
      if (wait > 0) {
        clearTimeout(this.timer)
        this.timer = setTimeout(() => this.sendNext(), Math.ceil(wait))
        return undefined
      }
      this.lastDue = this.due
      this.due = undefined
    }
    if (--first.times === 0) {
      this.first = first.next
      if (!this.first) this.last = undefined
      if (isReply) this.waiting -= sizeOf(content)
    }
    return content
  }
}

const sizeOf = ({ payload }: Message) => OVERHEAD + payload.length
