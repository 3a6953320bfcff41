import type { Kind, Message } from '../connection/behaviour.ts'
import { costOf } from '../wire/flow.ts'
import type { Scheduler } from '../wire/scheduler.ts'
import { createLoop } from './loop.ts'

export type OutboxOptions = {
  /** Returns the delay of the next reply in milliseconds. */
  wait: () => number
  /** Sends a message, and calls back when it has been sent. */
  send: (message: Message, kind: Kind, onSent: () => void) => void
  /** Counts memory of messages that start to wait here. Negative when they stop. */
  countWaiting: (cost: number) => void
  /** Counts memory that the repetitions of a reply will take. Negative when they are made or dropped. */
  countPending: (bytes: number) => void
  scheduler: Scheduler
}

type Content = Message | (() => void)

/** A reply and how many more times to send it, or a callback in its place. */
type Entry = {
  content: Content
  times: number
  /** When it was added, in whole milliseconds. Fractions would take memory of their own. */
  addedAt: number
  next: Entry | undefined
}

/** A queue of replies. Each is sent after its delay, and after the one before it has been sent. */
export class Outbox {
  private first: Entry | undefined
  private last: Entry | undefined
  /** When the first entry is due, once that is known. */
  private due: number | undefined
  private lastDue = 0
  private pushed: Message[] = []
  /** Called when no due entry is left. */
  private finished: (() => void) | undefined
  /** The kind of message that is being sent, if any. */
  private state: 'ready' | Kind | 'closed' = 'ready'
  private timer: NodeJS.Timeout | undefined
  private readonly options: OutboxOptions
  private readonly run: () => void

  constructor(options: OutboxOptions) {
    this.options = options
    this.run = createLoop(() => this.sendNext(), options.scheduler)
  }

  /** Adds a reply to be sent this many times. */
  reply(message: Message, times: number): void {
    this.add(message, times)
  }

  /** Calls back when all replies so far have been sent. */
  afterReplies(callback: () => void): void {
    this.add(callback, 1)
  }

  /** Adds a message that is not a reply. It does not wait for delayed replies. */
  push(message: Message): void {
    if (this.state === 'closed') return
    this.options.countWaiting(weightOf(message))
    this.pushed.push(message)
    this.run()
  }

  /** Whether a message that is not a reply still waits. */
  get isPushing(): boolean {
    return this.pushed.length > 0 || this.state === 'push'
  }

  /** Drops delayed replies, and calls back when the others have been sent. */
  finish(done: () => void): void {
    this.finished = done
    this.run()
  }

  /** Drops all messages, and sends nothing more. */
  close(): void {
    this.state = 'closed'
    this.dropReplies()
    for (const message of this.pushed) this.options.countWaiting(-weightOf(message))
    this.pushed = []
  }

  private add(content: Content, times: number): void {
    if (this.state === 'closed') return
    this.options.countWaiting(weightOf(content))
    if (times > 1) this.options.countPending((times - 1) * weightOf(content))
    const entry: Entry = { content, times, addedAt: Math.ceil(performance.now()), next: undefined }
    if (this.last) this.last.next = entry
    else this.first = entry
    this.last = entry
    this.run()
  }

  private sendNext(): void {
    if (this.state !== 'ready') return
    const pushed = this.pushed.shift()
    const content = pushed ?? this.takeDue() ?? this.takeFinished()
    if (content === undefined) return
    if (typeof content === 'function') {
      content()
      return void this.run()
    }
    if (pushed) this.options.countWaiting(-weightOf(pushed))
    const kind = pushed ? 'push' : 'reply'
    this.state = kind
    this.options.send(content, kind, () => {
      if (this.state === 'closed') return
      this.state = 'ready'
      this.run()
    })
  }

  /** Takes the first entry if it is due. Otherwise sets a timer for it. */
  private takeDue(): Content | undefined {
    const { first } = this
    if (!first) return undefined
    const { content, addedAt } = first
    if (typeof content !== 'function') {
      this.due ??= this.dueOf(addedAt, this.options.wait())
      const wait = this.due - performance.now()
      if (wait > 0) {
        clearTimeout(this.timer)
        if (this.finished) this.dropReplies()
        else this.timer = setTimeout(this.run, Math.ceil(wait))
        return undefined
      }
      this.lastDue = this.due
      this.due = undefined
    }
    if (--first.times === 0) {
      this.first = first.next
      if (!this.first) this.last = undefined
      this.options.countWaiting(-weightOf(content))
    } else {
      this.options.countPending(-weightOf(content))
    }
    return content
  }

  private dueOf(addedAt: number, wait: number): number {
    return wait > 0 ? Math.max(this.lastDue, addedAt + wait) : this.lastDue
  }

  private takeFinished(): (() => void) | undefined {
    const { finished } = this
    this.finished = undefined
    return finished
  }

  private dropReplies(): void {
    clearTimeout(this.timer)
    for (let entry = this.first; entry; entry = entry.next) {
      this.options.countWaiting(-weightOf(entry.content))
      if (entry.times > 1) this.options.countPending((1 - entry.times) * weightOf(entry.content))
    }
    this.first = undefined
    this.last = undefined
  }
}

const weightOf = (content: Content) =>
  typeof content === 'function' ? 0 : (content.cost ?? costOf(content.payload.length))
