import type { Behaviour, Kind, Message, Outlet } from '../connection/behaviour.ts'
import { costOf } from '../wire/flow.ts'
import type { Scheduler } from '../wire/scheduler.ts'
import { createChance } from './chance.ts'
import { corruptFrame } from './corrupt.ts'
import { fragmentsOf } from './fragments.ts'
import { createLoop } from './loop.ts'
import { Outbox } from './outbox.ts'
import type { Faults } from './parameters.ts'

// Milliseconds for the last reply to arrive. An RST discards bytes that the peer's system has not acknowledged.
const BEFORE_RESET = 100

export type MisbehaviourOptions = {
  faults: Faults
  answer: (message: Message) => Message
  /** The first message, if there is one. */
  hello: string | undefined
  scheduler: Scheduler
}

/** Answers messages, with the faults that the query requests. */
export class Misbehaviour implements Behaviour {
  private received = 0
  /** Whether to replace the next reply with a corrupt frame. */
  private isCorrupting = false
  private readonly timers: NodeJS.Timeout[] = []
  private readonly outlet: Outlet
  private readonly faults: Faults
  private readonly answer: (message: Message) => Message
  private readonly hello: string | undefined
  private readonly outbox: Outbox
  private readonly scheduler: Scheduler
  private readonly chanceOfLoss: () => number

  constructor(outlet: Outlet, { faults, answer, hello, scheduler }: MisbehaviourOptions) {
    const { delay = 0, jitter = 0, seed } = faults
    this.scheduler = scheduler
    this.outlet = outlet
    this.faults = faults
    this.answer = answer
    this.hello = hello
    const chanceOfJitter = createChance(seed)
    this.chanceOfLoss = createChance(seed === undefined ? seed : seed + 1)
    this.outbox = new Outbox({
      wait: () => delay + jitter * (2 * chanceOfJitter() - 1),
      send: (message, kind, onSent) => this.send(message, kind, onSent),
      countWaiting: cost => outlet.countWaiting(cost),
      countPending: bytes => outlet.countPending(bytes),
      scheduler,
    })
  }

  get ignoresPings(): boolean {
    return this.faults.pings === 'ignore'
  }

  get isUnwatched(): boolean {
    return this.faults.ping !== undefined || this.ignoresPings
  }

  onOpen(): void {
    const { rate, tick, ping, after } = this.faults
    if (rate !== undefined) this.outlet.limitRate(rate)
    if (this.hello !== undefined) this.outbox.push(textOf(this.hello))
    if (tick !== undefined) {
      let count = 0
      this.every(tick, () => {
        if (!this.outbox.isPushing) this.outbox.push(textOf(`tick ${++count}`))
      })
    }
    if (ping && !this.ignoresPings) this.every(ping, () => this.outlet.checkPeer(ping))
    if (after?.milliseconds === undefined) this.triggerIfDue()
    else this.timers.push(setTimeout(() => this.trigger(), after.milliseconds))
  }

  onMessage({ payload, isBinary }: Message): void {
    const { repeat = 1, loss = 0 } = this.faults
    this.received++
    // A copy, because the message may be a small part of a large chunk, which would stay in memory.
    const isLost = this.chanceOfLoss() < loss
    if (!isLost) this.outbox.reply(this.answer({ payload: Buffer.from(payload), isBinary }), repeat)
    this.triggerIfDue()
  }

  push(message: Message): void {
    this.outbox.push(message)
  }

  finish(done: () => void): void {
    this.outbox.finish(done)
  }

  stop(): void {
    this.outbox.close()
    for (const timer of this.timers) clearInterval(timer)
  }

  /** Sends a message in one frame or in fragments. */
  private send(message: Message, kind: Kind, onSent: () => void): void {
    const { corrupt, fragment } = this.faults
    if (corrupt && kind === 'reply' && this.isCorrupting) {
      this.isCorrupting = false
      this.outlet.logFault(`corrupt=${corrupt}`)
      this.write([corruptFrame(corrupt, message)].values(), message, kind, onSent)
    } else if (fragment !== undefined) {
      this.write(fragmentsOf(message, fragment), message, kind, onSent)
    } else {
      this.outlet.send(message, kind, onSent)
    }
  }

  /** Writes chunks in place of a message, each when the one before has been sent. */
  private write(chunks: Iterator<Buffer>, message: Message, kind: Kind, onSent: () => void): void {
    // Chunks count while they are sent. The message itself stays in memory until the last chunk is made.
    const cost = costOf(message.payload.length)
    this.outlet.countWaiting(cost)
    const writeNext = createLoop(() => {
      const { value } = chunks.next()
      if (value) return void this.outlet.write(value, writeNext)
      this.outlet.countWaiting(-cost)
      this.outlet.countSent(message.isBinary, message.payload.length, kind)
      onSent()
    }, this.scheduler)
    writeNext()
  }

  /** Triggers the one-off fault once `after` messages have arrived and been answered. */
  private triggerIfDue(): void {
    const { after = { messages: 0 } } = this.faults
    if (this.received === after.messages) this.outbox.afterReplies(() => this.trigger())
  }

  private trigger(): void {
    const { close, reason = '', drop, stall, corrupt, after } = this.faults
    if (corrupt) this.isCorrupting = true
    else if (close !== undefined) {
      this.outlet.logFault(`close=${close}`)
      this.outlet.close(close, reason)
    } else if (stall) {
      this.outlet.logFault('stall')
      this.stop()
      this.outlet.stall()
    } else if (drop) {
      this.outlet.logFault(`drop=${drop}`)
      this.stop()
      if (drop === 'fin' || after?.messages === undefined) return void this.outlet.drop(drop)
      this.outlet.silence()
      this.timers.push(setTimeout(() => this.outlet.drop('rst'), BEFORE_RESET))
    }
  }

  private every(milliseconds: number, callback: () => void): void {
    this.timers.push(setInterval(callback, milliseconds))
  }
}

const textOf = (text: string): Message => ({ payload: Buffer.from(text), isBinary: false })
