import type { Socket } from 'node:net'
import type { WebSocket } from 'ws'
import { letGo } from '../backpressure.ts'
import { type ConnectionOptions, EchoSocket, type Peer } from '../connection.ts'
import { createChance } from './chance.ts'
import { corruptFrame } from './corrupt.ts'
import type { Faults } from './faults.ts'
import { fragmentsOf } from './fragments.ts'
import { type Message, Outbox } from './outbox.ts'
import { pace } from './pace.ts'

// Milliseconds for the last reply to arrive: an RST discards what the peer's system hasn't acknowledged.
const BEFORE_RESET = 100

// Milliseconds between two looks at whether the peer of a stalled connection is still there.
const LOOK = 30_000

const NOTHING = Buffer.alloc(0)

/** A WebSocket that misbehaves as it was asked to. */
export class FaultySocket extends EchoSocket {
  private faults!: Faults
  private outbox!: Outbox
  private isLost!: () => boolean
  private received = 0
  private isStalled = false
  /** The next reply is to be replaced. */
  private isCorrupting = false
  private unpace: (() => void) | undefined
  private readonly timers: NodeJS.Timeout[] = []

  override get unsent(): number {
    return super.unsent + this.outbox.waiting
  }

  override serve(socket: Socket, peer: Peer, options: ConnectionOptions): void {
    super.serve(socket, peer, { ...options, fastPath: false })
  }

  /**
   * Begins to misbehave; to be called when the connection is served.
   * @param hello what it says first
   */
  misbehave(faults: Faults, hello: string | undefined): void {
    const { delay = 0, jitter = 0, loss = 0, seed, rate, tick, ping, pings, after } = faults
    this.faults = faults
    const chanceOfJitter = createChance(seed)
    const chanceOfLoss = createChance(seed === undefined ? seed : seed + 1)
    this.isLost = () => chanceOfLoss() < loss
    this.outbox = new Outbox({
      wait: () => delay + jitter * (2 * chanceOfJitter() - 1),
      send: (message, isReply, sent) => this.deliver(message, isReply, sent),
    })

    if (rate !== undefined) this.unpace = pace(this.socket, rate)
    if (hello !== undefined) this.outbox.push(textOf(hello))
    if (tick !== undefined) {
      let count = 0
      this.every(tick, () => {
        if (!this.outbox.isPushing) this.outbox.push(textOf(`tick ${++count}`))
      })
    }
    if (ping && pings !== 'ignore') this.every(ping, () => this.beatUnlessBehind())
    if (after === undefined) this.strikeAfter(0)
    else if ('messages' in after) this.strikeAfter(after.messages)
    else this.timers.push(setTimeout(() => this.strike(), after.milliseconds))
  }

  override beat(): void {
    const { ping, pings } = this.faults
    if (ping === undefined && pings !== 'ignore') this.beatUnlessBehind()
  }

  override push(payload: Buffer, isBinary: boolean): boolean {
    if (!this.canPush()) return false
    this.outbox.push({ payload, isBinary })
    return true
  }

  /** Also a stalled connection, which reads on for it. */
  override dismiss(code: number, reason: string): void {
    this.unpace?.()
    if (this.isStalled) {
      this.isStalled = false
      this.isSilent = false
      this.resume()
    }
    super.dismiss(code, reason)
  }

  override drop(how: 'fin' | 'rst'): void {
    this.cease()
    super.drop(how)
  }

  override goAway(): void {
    this.unpace?.()
    super.goAway()
  }

  override close(code?: number, reason?: string | Buffer): void {
    this.outbox.close()
    super.close(code, reason)
    // `ws` closes on a close frame that it had in hand, and then reads on.
    if (this.isStalled) process.nextTick(() => this.isStalled && this.socket.pause())
  }

  override resume(): void {
    if (!this.isStalled) super.resume()
  }

  override emit(...[event, ...args]: Parameters<WebSocket['emit']>): boolean {
    if (event === 'close') this.cease()
    return super.emit(event, ...args)
  }

  protected override onPing(payload: Buffer): void {
    if (this.faults.pings === 'ignore') this.options.observer?.received(this.id, 'ping', payload)
    else super.onPing(payload)
  }

  protected override reply(payload: Buffer, isBinary: boolean): void {
    const { repeat = 1, after } = this.faults
    this.received++
    // A copy, since the message may be a small part of a large chunk, which would wait with it.
    if (!this.isLost()) this.outbox.reply({ payload: Buffer.from(payload), isBinary }, repeat)
    if (after && 'messages' in after) this.strikeAfter(after.messages)
  }

  /** Sends a message in one frame or as many as were asked for. */
  private deliver(message: Message, isReply: boolean, sent: () => void): void {
    if (this.readyState !== this.OPEN) return void this.outbox.close()
    const { corrupt, fragment } = this.faults
    const done = () => {
      if (isReply) this.options.logger.debug({ connection: this.id }, 'Just replied')
      sent()
      letGo(this, this.options.highWaterMark)
    }
    this.countSent(message.payload, message.isBinary)
    if (corrupt && isReply && this.isCorrupting) {
      this.isCorrupting = false
      this.note(`corrupt=${corrupt}`)
      this.socket.write(corruptFrame(corrupt, message), done)
    } else if (fragment !== undefined) {
      this.writeAll(fragmentsOf(message, fragment), done)
    } else {
      this.send(message.payload, { binary: message.isBinary }, done)
    }
  }

  private writeAll(chunks: Iterator<Buffer>, done: () => void): void {
    if (this.readyState !== this.OPEN || this.isSilent) return
    const { value } = chunks.next()
    if (value === undefined) done()
    else this.socket.write(value, () => this.writeAll(chunks, done))
  }

  /** Lets come what comes once, if so many messages have, and when their replies have left. */
  private strikeAfter(messages: number): void {
    if (this.received === messages) this.outbox.afterReplies(() => this.strike())
  }

  private strike(): void {
    const { close, reason, drop, stall, corrupt, after } = this.faults
    if (corrupt) this.isCorrupting = true
    else if (close !== undefined) {
      this.note(`close=${close}`)
      this.unpace?.()
      this.close(close, reason)
    } else if (stall) {
      this.note('stall')
      this.stall()
    } else if (drop) {
      this.note(`drop=${drop}`)
      this.cease()
      this.isSilent = true
      if (drop === 'rst' && after && 'messages' in after) {
        this.timers.push(setTimeout(() => this.drop('rst'), BEFORE_RESET))
      } else {
        this.drop(drop)
      }
    }
  }

  private stall(): void {
    this.cease()
    this.isSilent = true
    this.isStalled = true
    this.pause()
    // Nothing is read, and so not even the end. But the system's probes find out, and an empty write tells.
    this.socket.setKeepAlive(true, LOOK)
    this.every(LOOK, () => this.socket.write(NOTHING))
  }

  /** Ends what was still to come. */
  private cease(): void {
    this.outbox.close()
    for (const timer of this.timers) clearInterval(timer)
  }

  private beatUnlessBehind(): void {
    // A ping would wait behind what is held back here.
    if (this.socket.writableLength > 0) this.heard = -1
    else super.beat()
  }

  private every(milliseconds: number, callback: () => void): void {
    this.timers.push(setInterval(callback, milliseconds))
  }

  private note(fault: string): void {
    this.options.logger.info({ connection: this.id, fault }, 'Misbehaves as asked')
  }
}

const textOf = (text: string): Message => ({ payload: Buffer.from(text), isBinary: false })
