import type { Traffic } from '../wire/traffic.ts'

/** Why a handshake was refused. */
export type Refusal = 'closing' | 'full' | 'origin' | 'query' | 'asked' | 'malformed'

export type Opcode = 'text' | 'binary' | 'ping' | 'pong' | 'close'

/** Is told what happens. Where nobody observes, nothing is kept of a connection but what echoing needs. */
export type Observer = {
  /** Whether it is to be told of each message; then none takes the fast path. */
  readonly wantsMessages: boolean
  refused(reason: Refusal): void
  opened(): void
  /** A message or a control frame came; of a close frame, the code, and the reason as payload. */
  received(connection: number, opcode: Opcode, payload: Buffer, code?: number): void
  /** A control frame was sent. */
  sent(opcode: Opcode, bytes: number): void
  /** A ping was answered after this many milliseconds. */
  answered(milliseconds: number): void
  /** A connection ended, with all that it sent and got. */
  closed(traffic: Traffic, code: number): void
}
