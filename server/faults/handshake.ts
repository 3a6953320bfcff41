import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import { printable } from '../log.ts'
import type { Budget, Holder } from '../wire/budget.ts'
import { costOf } from '../wire/flow.ts'
import type { Faults } from './parameters.ts'

// Bytes that a client may send before a delayed answer, as memory.
const MAX_EARLY = 2 ** 16

/** Returns the subprotocols that a client offers, in its order. */
const offeredBy = ({ headers }: IncomingMessage): string[] =>
  headers['sec-websocket-protocol']?.split(',').map(name => name.trim()) ?? []

/** Returns a refusal if the query asks for one, or for a subprotocol that the client does not offer. */
export function refusalOf({ reject, subprotocol }: Faults, request: IncomingMessage) {
  const rejected = `Refused with ${reject} because of reject=${reject}`
  if (reject !== undefined) return { reason: 'asked', status: reject, body: rejected } as const
  const offered = offeredBy(request)
  if (!subprotocol || offered.includes(subprotocol)) return undefined
  const body = printable(`subprotocol=${subprotocol}: the client offers ${offered.join(', ') || 'no subprotocols'}`)
  return { reason: 'query', status: 400, body } as const
}

/** Makes the headers of a 101 invalid if the query asks for it, so that clients must refuse them. */
export function applyHandshakeFault(
  headers: Map<string, string>,
  { handshake }: Faults,
  request: IncomingMessage,
): void {
  if (handshake === 'wrong-accept') headers.set('Sec-WebSocket-Accept', Buffer.alloc(20).toString('base64'))
  if (handshake !== 'wrong-subprotocol') return
  headers.set('Sec-WebSocket-Protocol', `not-${offeredBy(request).join('-') || 'offered'}`)
}

export type LateHandshake = {
  /** Memory of the request while it waits, in bytes. */
  cost: number
  /** Called with the bytes that arrived in the meantime, unless the peer leaves or the server gives up. */
  proceed: (head: Buffer) => void
  giveUp: (problem: string) => void
}

/**
 * Waits before a handshake is answered.
 * @param registry counts the memory of the handshake while it waits
 */
export function delayHandshake(
  socket: Socket,
  head: Buffer,
  milliseconds: number,
  registry: { budget: Budget; delayed: Set<Holder>; isClosing: boolean },
  events: LateHandshake,
): void {
  const { budget, delayed } = registry
  const early: Buffer[] = []
  let holding = 0
  const count = (cost: number) => {
    holding += cost
    budget.add(cost)
  }
  const onData = (chunk: Buffer) => {
    early.push(chunk)
    count(costOf(chunk.length))
    // A client must not send anything before the answer (RFC 6455, section 4.1), so a few bytes are enough.
    if (holding > events.cost + MAX_EARLY) fail('Too much data before the answer')
  }
  const onLeft = () => fail('The client left before the answer')
  const fail = (problem: string) => {
    stop()
    events.giveUp(problem)
    socket.destroy()
  }
  const stop = () => {
    clearTimeout(timer)
    delayed.delete(holder)
    socket.off('data', onData).off('end', onLeft).off('close', onLeft)
    count(-holding)
  }
  const timer = setTimeout(() => {
    stop()
    events.proceed(Buffer.concat(early))
  }, milliseconds)
  const holder = {
    get holding() {
      return holding
    },
    shed: () => fail(registry.isClosing ? 'The server is shutting down' : 'Too little memory is free'),
  }
  delayed.add(holder)
  count(events.cost)
  onData(head)
  // Keep reading, to notice when the peer leaves.
  socket.on('data', onData)
  socket.on('end', onLeft)
  socket.on('close', onLeft)
}
