import type { Traffic } from '../wire/traffic.ts'

/** The reason for refusing a handshake. */
export type Refusal = 'closing' | 'full' | 'origin' | 'query' | 'asked' | 'malformed' | 'upstream'

/** A fault that took effect: on a connection, or on a handshake if there is none. */
export type TriggeredFault = {
  connection: number | undefined
  address: string
  testId: string | undefined
  /** The name of the parameter, and the parameter as it was written. */
  name: string
  text: string
}

export type Opcode = 'text' | 'binary' | 'ping' | 'pong' | 'close'

/** A connection as its observer knows it. */
export type Observed = {
  id: number
  testId: string | undefined
  /** On the side of a relay that belongs to the backend. */
  side?: 'backend' | undefined
}

/** Receives the events of a server. Without an observer, connections keep less state. */
export type Observer = {
  /** Whether it needs every message. Then no message takes the fast path. */
  readonly wantsMessages: boolean
  refused(reason: Refusal): void
  opened(): void
  triggered(fault: TriggeredFault): void
  /** A message or control frame arrived. A close frame has a code, and its reason as the payload. */
  received(connection: Observed, opcode: Opcode, payload: Buffer, code?: number): void
  /** A control frame was sent. */
  sent(opcode: Opcode, bytes: number): void
  /** A ping was answered after this many milliseconds. */
  answered(milliseconds: number): void
  /** A connection ended, with these totals. */
  closed(traffic: Traffic, code: number): void
  /** The observer of the connections to the backend. */
  readonly upstream?: Observer
}
