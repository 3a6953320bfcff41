import { Socket } from 'node:net'
import type { Writable } from 'node:stream'
import * as ws from 'ws'

/** The message names all missing parts. */
export class InternalsError extends Error {}

export type Transformed = (error: Error | null, data: Buffer) => void
type Transform = (data: Buffer, isFinal: boolean, done: Transformed) => void

/** The side of a connection that negotiates compression (RFC 7692). */
type PerMessageDeflate = { accept(offers: Offer[]): Accepted }

/** The parameters of an offer by name, and of the answer to it. */
export type Offer = Record<string, unknown>
type Accepted = {
  server_max_window_bits?: number
  server_no_context_takeover?: true
  client_no_context_takeover?: true
}

/** Parses the frames of a connection. Emits `message`, `ping`, `pong`, and `conclude` for a close frame. */
export type Receiver = Writable

type ReceiverOptions = {
  isServer: boolean
  extensions: Record<string, { decompress: Transform }>
  maxPayload: number
  maxFragments: number
}

/** Parts of `ws` that it exports but does not document. */
export const { Receiver, PerMessageDeflate, extension, subprotocol } = ws as unknown as {
  Receiver: new (options: ReceiverOptions) => Receiver
  PerMessageDeflate: { new (options: object): PerMessageDeflate; prototype: PerMessageDeflate; extensionName: string }
  extension: { parse(header: string): Record<string, Offer[]>; format(extensions: object): string }
  subprotocol: { parse(header: string): Set<string> }
}

const areFunctions = (...values: unknown[]) => values.every(value => typeof value === 'function')

/** The undocumented parts of `ws` and `node:net` that `wire/` uses, each with a test. */
const parts: Record<string, () => boolean> = {
  'a Receiver of ws that parses a frame at once'() {
    const receiver = new Receiver({ isServer: true, extensions: {}, maxPayload: 1, maxFragments: 1 })
    let message = ''
    receiver.on('message', (payload: Buffer, isBinary: boolean) => (message = `${payload} ${isBinary}`))
    receiver.write(Buffer.from([0x81, 0x81, 0, 0, 0, 0, 0x61]))
    return message === 'a false' && receiver.writableLength === 0
  },
  'PerMessageDeflate of ws': () => areFunctions(PerMessageDeflate.prototype.accept),
  'the header parsers of ws': () => areFunctions(extension.parse, extension.format, subprotocol.parse),
  '_write and _writev of Socket': () => areFunctions(Socket.prototype._write, Socket.prototype._writev),
}

/**
 * Checks that this version of `ws` and Node.js has the parts that `wire/` needs.
 * @throws {InternalsError}
 */
export function checkInternals(needed = parts): void {
  const missing: string[] = []
  for (const [name, isThere] of Object.entries(needed)) {
    try {
      if (isThere()) continue
    } catch {}
    missing.push(name)
  }
  if (missing.length === 0) return
  throw new InternalsError(
    `This version of ws or Node.js lacks parts that the server needs: ${missing.join(', ')}. Run npm ci.`,
  )
}
