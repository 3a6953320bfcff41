import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import type { Budget, Holder } from '../wire/budget.ts'
import { costOf } from '../wire/flow.ts'
import type { Faults } from './faults.ts'
import type { HandshakeAnswer, Parameter, SwitchingResponse } from './parameter.ts'
import { byName, fieldsFor, header } from './parameters/header.ts'

// Bytes that a client may send before a delayed answer, as memory.
const MAX_EARLY = 2 ** 16

/**
 * Returns the answer to a handshake that the query asks for in place of a 101, and the parameter that gives it. Such an
 * answer also has the headers that the query adds.
 */
export function answerOf(
  faults: Faults,
  request: IncomingMessage,
): { parameter: Parameter; answer: HandshakeAnswer } | undefined {
  for (const { parameter, value } of faults) {
    const answer = parameter.answer?.(value, request, faults)
    if (!answer) continue
    if (answer.reason !== 'asked') return { parameter, answer }
    const added = byName(fieldsFor(faults.get(header) ?? [], request))
    const names = new Set(Object.keys(added).map(name => name.toLowerCase()))
    const own = Object.entries(answer.headers ?? {}).filter(([name]) => !names.has(name.toLowerCase()))
    return { parameter, answer: { ...answer, headers: { ...Object.fromEntries(own), ...added } } }
  }
  return undefined
}

/** Changes a 101 as the query asks for it. */
export function amendResponse(faults: Faults, response: SwitchingResponse, request: IncomingMessage): void {
  for (const { parameter, value } of faults) parameter.amend?.(value, response, request)
}

/** Starts to wait. @returns a function that cancels it */
export type Wait<T> = (proceed: (outcome: T) => void) => () => void

export type LateHandshake<T> = {
  /** Memory of the request while it waits, in bytes. */
  cost: number
  /** Called with the bytes that arrived in the meantime, unless the peer leaves or the server gives up. */
  proceed: (head: Buffer, outcome: T) => void
  giveUp: (problem: string) => void
}

/** Waits for this many milliseconds. */
export const after =
  (milliseconds: number): Wait<void> =>
  proceed => {
    const timer = setTimeout(proceed, milliseconds)
    return () => clearTimeout(timer)
  }

/**
 * Waits before a handshake is answered.
 * @param registry counts the memory of the handshake while it waits
 */
export function delayHandshake<T>(
  socket: Socket,
  head: Buffer,
  wait: Wait<T>,
  registry: { budget: Budget; delayed: Set<Holder>; isClosing: boolean },
  events: LateHandshake<T>,
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
    cancel()
    delayed.delete(holder)
    socket.off('data', onData).off('end', onLeft).off('close', onLeft)
    count(-holding)
  }
  const cancel = wait(outcome => {
    stop()
    events.proceed(Buffer.concat(early), outcome)
  })
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
