import type { Message } from './message.ts'
import { createRepeat, type Repeat, type RepeatPorts, type RepeatProgress, type RepeatResult } from './repeat.ts'

export type BurstOptions = {
  /** The number of messages. */
  count: number
  /** Bytes per message. */
  size: number
  /** Unanswered messages at a time; 0 means no limit. */
  inFlight: number
  /** Messages per second; 0 means as fast as possible. */
  rate: number
  isBinary: boolean
}

export type BurstProgress = RepeatProgress
export type BurstResult = RepeatResult
export type Burst = Repeat

export type BurstPorts = Omit<RepeatPorts, 'send'> & {
  /** Returns whether the message was sent. */
  send: (message: Message) => boolean
}

/** Creates a burst of generated messages. It ends like any other repetition. */
export function createBurst({ count, size, inFlight, rate, isBinary }: BurstOptions, ports: BurstPorts): Burst {
  const create = isBinary ? binaryMessage : textMessage
  const interval = rate > 0 ? 1000 / rate : 0
  return createRepeat({ count, interval, inFlight }, { ...ports, send: number => ports.send(create(number, size)) })
}

/** Returns a text of `size` characters that begins with its number. */
export const textMessage = (number: number, size: number): Message => `${number} `.padEnd(size, '.').slice(0, size)

/** Returns `size` bytes that begin with the digits of their number. */
export function binaryMessage(number: number, size: number): Message {
  const bytes = new Uint8Array(size)
  new TextEncoder().encodeInto(String(number), bytes)
  return bytes
}
