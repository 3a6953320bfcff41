import type { Kind, Message, Outlet, Pipe } from '../connection/behaviour.ts'
import { costOf } from '../wire/flow.ts'
import type { Scheduler } from '../wire/scheduler.ts'
import { createChance } from './chance.ts'
import type { Faults } from './faults.ts'
import { createLoop } from './loop.ts'
import { Outbox } from './outbox.ts'
import type { Effect, FaultContext, Parameter } from './parameter.ts'
import { after } from './parameters/after.ts'
import { seed } from './parameters/seed.ts'

export type MisbehaviourOptions = {
  faults: Faults
  answer: (message: Message) => Message
  /** The description of the handshake, if it was requested. */
  hello: string | undefined
  scheduler: Scheduler
  /** The connection whose faults these are, if it is not the one that sends. */
  reporter?: Pick<Outlet, 'logFault' | 'recordFault'>
}

/** Answers messages, with the faults that the query requests. */
export class Misbehaviour implements Pipe, FaultContext {
  readonly outlet: Outlet
  readonly faults: Faults
  readonly hello: string | undefined
  private received = 0
  private readonly timers: NodeJS.Timeout[] = []
  private readonly answer: (message: Message) => Message
  private readonly reporter: Pick<Outlet, 'logFault' | 'recordFault'>
  private readonly outbox: Outbox
  private readonly scheduler: Scheduler
  private readonly effects: readonly Effect[]

  constructor(outlet: Outlet, { faults, answer, hello, scheduler, reporter = outlet }: MisbehaviourOptions) {
    this.scheduler = scheduler
    this.outlet = outlet
    this.faults = faults
    this.answer = answer
    this.hello = hello
    this.reporter = reporter
    this.outbox = new Outbox({
      wait: () => this.effects.reduce((sum, effect) => sum + (effect.wait?.() ?? 0), 0),
      send: (message, kind, onSent) => this.send(message, kind, onSent),
      countWaiting: cost => outlet.countWaiting(cost),
      countPending: bytes => outlet.countPending(bytes),
      scheduler,
    })
    this.effects = Array.from(faults, ({ parameter, value }) => parameter.start?.(value, this) ?? {})
  }

  get ignoresPings(): boolean {
    return this.effects.some(({ ignoresPings }) => ignoresPings)
  }

  get isUnwatched(): boolean {
    return this.effects.some(({ isUnwatched }) => isUnwatched)
  }

  get closeDelay(): number {
    return this.effects.reduce((sum, { closeDelay = 0 }) => sum + closeDelay, 0)
  }

  onOpen(): void {
    for (const { parameter } of this.faults) if (parameter.recorded === undefined) this.record(parameter)
    for (const effect of this.effects) effect.onOpen?.()
    const { milliseconds } = this.faults.get(after) ?? {}
    if (milliseconds === undefined) this.triggerIfDue()
    else this.later(milliseconds, () => this.trigger())
  }

  onMessage(message: Message): void {
    this.received++
    let isLost = false
    for (const effect of this.effects) if (effect.isLost?.()) isLost = true
    // A copy, because the message may be a small part of a large chunk, which would stay in memory.
    if (!isLost) this.outbox.reply(this.answer({ ...message, payload: Buffer.from(message.payload) }), this.times)
    this.triggerIfDue()
  }

  push(message: Message): void {
    this.outbox.push(message)
  }

  finish(done: () => void): void {
    this.outbox.finish(done)
  }

  afterReplies(callback: () => void): void {
    this.outbox.afterReplies(callback)
  }

  answerClose(answer: (code?: number | 'none') => void): void {
    this.stopTimers()
    const answerNow = () => {
      const codes = this.effects.map(effect => effect.answerClose?.())
      answer(codes.find(code => code !== undefined))
    }
    const { closeDelay } = this
    if (closeDelay === 0) answerNow()
    else this.later(closeDelay, answerNow)
  }

  /** Drops all waiting messages, and stops all timers. */
  readonly stop = (): void => {
    this.outbox.close()
    this.stopTimers()
  }

  // The interface for faults.

  get isPushing(): boolean {
    return this.outbox.isPushing
  }

  readonly pushText = (text: string): void => {
    this.outbox.push({ payload: Buffer.from(text), isBinary: false })
  }

  readonly every = (milliseconds: number, callback: () => void): void => {
    this.timers.push(setInterval(callback, milliseconds))
  }

  readonly later = (milliseconds: number, callback: () => void): void => {
    this.timers.push(setTimeout(callback, milliseconds))
  }

  readonly createChance = (stream: number): (() => number) => {
    const given = this.faults.get(seed)
    // Both directions must not repeat the same numbers.
    return createChance(given === undefined ? undefined : given + stream + (this.faults.prefix === '' ? 0 : 16))
  }

  readonly log = (parameter: Parameter): void => {
    this.reporter.logFault(this.faults.prefix + parameter.name, this.faults.textOf(parameter))
  }

  readonly record = (parameter: Parameter): void => {
    this.reporter.recordFault(this.faults.prefix + parameter.name, this.faults.textOf(parameter))
  }

  private stopTimers(): void {
    for (const timer of this.timers) clearInterval(timer)
  }

  private get times(): number {
    return this.effects.find(({ times }) => times !== undefined)?.times ?? 1
  }

  /** Sends a message in one frame or in fragments, or something in its place. */
  private send(message: Message, kind: Kind, onSent: () => void): void {
    for (const effect of kind === 'reply' ? this.effects : []) {
      const replacement = effect.replace?.(message)
      if (!replacement) continue
      const { bytes, isLast } = replacement
      this.write([bytes].values(), message, kind, isLast ? () => this.outlet.drop('fin') : onSent)
      if (isLast) this.outlet.silence()
      return
    }
    const splitting = this.effects.find(({ split }) => split)
    if (splitting?.split) this.write(splitting.split(message), message, kind, onSent)
    else this.outlet.send(message, kind, onSent)
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
    const { messages } = this.faults.get(after) ?? { messages: 0 }
    if (this.received === messages) this.outbox.afterReplies(() => this.trigger())
  }

  private trigger(): void {
    for (const effect of this.effects) effect.trigger?.()
  }
}
