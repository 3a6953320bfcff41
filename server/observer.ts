import type { EchoSocket } from './connection.ts'

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
  received(ws: EchoSocket, opcode: Opcode, payload: Buffer, code?: number): void
  /** A control frame was sent. */
  sent(opcode: Opcode, bytes: number): void
  /** A ping was answered after so many milliseconds. */
  answered(milliseconds: number): void
  closed(ws: EchoSocket, code: number): void
}
