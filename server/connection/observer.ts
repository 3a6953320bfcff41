import type { Traffic } from '../wire/traffic.ts'

/** The reason for refusing a handshake. */
export type Refusal = 'closing' | 'full' | 'origin' | 'query' | 'asked' | 'malformed'

export type Opcode = 'text' | 'binary' | 'ping' | 'pong' | 'close'

/** Receives the events of a server. Without an observer, connections keep less state. */
export type Observer = {
  /** Whether it needs every message. Then no message takes the fast path. */
  readonly wantsMessages: boolean
  refused(reason: Refusal): void
  opened(): void
  /** A message or control frame arrived. A close frame has a code, and its reason as the payload. */
  received(connection: number, opcode: Opcode, payload: Buffer, code?: number): void
  /** A control frame was sent. */
  sent(opcode: Opcode, bytes: number): void
  /** A ping was answered after this many milliseconds. */
  answered(milliseconds: number): void
  /** A connection ended, with these totals. */
  closed(traffic: Traffic, code: number): void
}
