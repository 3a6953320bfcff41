import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import { printable } from '../log.ts'
import type { Budget, Holder } from '../wire/budget.ts'
import { costOf } from '../wire/flow.ts'
import type { Faults } from './parameters.ts'

// Bytes that may come before a late answer, at what they cost in memory.
const MAX_EARLY = 2 ** 16

/** The subprotocols that a client offers, in its order. */
const offeredBy = ({ headers }: IncomingMessage): string[] =>
  headers['sec-websocket-protocol']?.split(',').map(name => name.trim()) ?? []

/** Why a handshake is refused that asks for that, or for a subprotocol that can't be chosen. */
export function refusalOf({ reject, subprotocol }: Faults, request: IncomingMessage) {
  const body = `Refused with ${reject} because of reject=${reject}`
  if (reject !== undefined) return { reason: 'asked', status: reject, body } as const
  const offered = offeredBy(request)
  if (!subprotocol || offered.includes(subprotocol)) return undefined
  const expected = `one of those that the client offers: ${offered.join(', ') || 'none'}`
  const body = printable(`subprotocol=${subprotocol}: expected ${expected}`)
  return { reason: 'query', status: 400, body } as const
}

/** Changes the headers of a 101 to what clients must refuse, if that is asked for. */
export function applyHandshakeFault(headers: Map<string, string>, { handshake }: Faults, request: IncomingMessage): void {
  if (handshake === 'wrong-accept') headers.set('Sec-WebSocket-Accept', Buffer.alloc(20).toString('base64'))
  if (handshake !== 'wrong-subprotocol') return
  headers.set('Sec-WebSocket-Protocol', `not-${offeredBy(request).join('-') || 'offered'}`)
}

export type LateHandshake = {
  /** Bytes that the request takes while it waits. */
  cost: number
  /** Is given what has come meanwhile; not called for a peer that leaves, or is given up. */
  proceed: (head: Buffer) => void
  giveUp: (problem: string) => void
}

/**
 * Waits before a handshake is answered.
 * @param registry counts it among those that hold memory until then
 */
export function delayHandshake(
  socket: Socket,
  head: Buffer,
  milliseconds: number,
  registry: { budget: Budget; delayed: Set<Holder> },
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
    // Nothing may come before the answer (RFC 6455, section 4.1), and so not much does.
    if (holding > events.cost + MAX_EARLY) fail('Much data before the answer')
  }
  const onEnd = () => void socket.destroy()
  const fail = (problem: string) => {
    events.giveUp(problem)
    onEnd()
  }
  const stop = () => {
    clearTimeout(timer)
    delayed.delete(holder)
    socket.off('data', onData).off('end', onEnd).off('close', stop)
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
    shed: () => fail('Memory is short'),
  }
  delayed.add(holder)
  count(events.cost)
  onData(head)
  // Read, so that a peer that leaves is noticed.
  socket.on('data', onData)
  socket.on('end', onEnd)
  socket.on('close', stop)
}
