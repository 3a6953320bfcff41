import type { IncomingMessage } from 'node:http'
import { type Behaviour, type Kind, type Message, type Outlet, PlainBehaviour } from '../connection/behaviour.ts'
import type { ProtocolName, Session } from '../connection/session.ts'
import { createLoop } from '../faults/loop.ts'
import { Misbehaviour } from '../faults/misbehaviour.ts'
import { hello } from '../faults/parameters/hello.ts'
import type { AdmittedSession } from '../http/admission.ts'
import type { Host } from '../http/protocol.ts'
import { costOf, type Flow, Hold } from '../wire/flow.ts'
import { createRecord } from './record.ts'
import { split } from './requests.ts'

/** Carries the messages of a session over one or several TCP connections. */
export type Transport = {
  /** Counts the bytes that wait, and those that the session keeps. */
  readonly flow: Flow
  readonly bytes: { read: number; written: number }
  /** Everything that is kept for the client, if that is more than the flow counts. */
  readonly holding?: number
  /** Returns whether a message can leave at once. A WebSocket lacks this, because it always can. */
  isReachable?(): boolean
  /** Ends all connections without a word of the protocol. */
  drop(how: 'fin' | 'rst'): void
  /** Sends and reads nothing more. */
  stall(): void
  /** Ends all connections at once to free memory. */
  shed(): void
  destroy(): void
}

/** How a session speaks its protocol. */
export type Speaker = {
  /** Returns whether messages that are no replies can be sent. */
  isReady(): boolean
  /** Sends a message, and calls back when it has been sent. */
  send(message: Message, kind: Kind, onSent?: () => void): void
  /** Ends the session. When the server shuts down, the client may come back at once. */
  close(code: number, reason: string, isShutdown: boolean): void
}

export type ProtocolSession = ReturnType<typeof createSession>

// Parts of a message that are handled at a time. The replies of Socket.IO come later, and only then is their memory known.
const BATCH = 16

const unsupported = () => {
  throw new Error('This fault needs the frames of a plain WebSocket')
}

// Admission refuses the faults that would need these.
const FRAMES = {
  write: unsupported,
  countSent: unsupported,
  limitRate: unsupported,
  limitReading: unsupported,
  slice: unsupported,
  checkPeer: unsupported,
}

const answer = (message: Message) => message

/**
 * Opens a session of a protocol. It logs and counts, and applies the faults.
 * @param request opened it
 */
export function createSession(
  host: Host,
  protocol: ProtocolName,
  request: IncomingMessage,
  admitted: AdmittedSession,
  transport: Transport,
  speaker: Speaker,
) {
  const { faults, peer } = admitted
  const { highWaterMark, scheduler } = host
  const record = createRecord(host, protocol, admitted)
  /** `silent` sends nothing, whatever arrives. */
  let state: 'open' | 'silent' | 'closing' | 'gone' = 'open'
  let handled = 0
  /** The message that is being handled. */
  let work: { parts: Iterator<Buffer, undefined>; handle: (part: Buffer) => void; done: () => void } | undefined
  /** The code and the reason for the log, once something has ended the session. */
  let ending: { code: number; reason: string } | undefined

  /** Sends nothing more. The first code is the one for the log. */
  const stop = (code?: number, reason = '') => {
    state = 'closing'
    if (code !== undefined) ending ??= { code, reason }
    behaviour.stop?.()
  }

  const close = (code: number, reason: string, isShutdown = false) => {
    if (state !== 'open' && state !== 'silent') return false
    stop(code, reason)
    speaker.close(code, reason, isShutdown)
    finishWork()
    return true
  }

  const drop = (how: 'fin' | 'rst') => {
    if (state === 'gone') return false
    stop(1006)
    transport.drop(how)
    return true
  }

  const destroy = () => {
    if (state === 'gone') return
    stop(1006)
    transport.destroy()
  }

  const stall = () => {
    if (state !== 'open') return
    state = 'silent'
    transport.stall()
  }

  const { logFault, recordFault } = record
  const outlet: Outlet = {
    ...FRAMES,
    ...{ logFault, recordFault, close, drop, stall, silence: stall },
    send(message, kind, onSent) {
      if (state === 'open') speaker.send(message, kind, onSent)
    },
    countWaiting: cost => transport.flow.countWaiting(cost),
    countPending: bytes => transport.flow.countPending(bytes),
  }
  const behaviour: Behaviour = faults
    ? new Misbehaviour(outlet, {
        faults,
        answer,
        hello: faults.get(hello) && host.describeHello(record.id, request, peer),
        scheduler,
      })
    : new PlainBehaviour(outlet, answer)

  /** Handles the next part of a message, unless too much waits for the client. */
  const proceed = createLoop(() => {
    if (!work || state !== 'open' || transport.flow.waiting > highWaterMark) return
    const part = work.parts.next().value
    if (!part) return finishWork()
    work.handle(part)
    return ++handled % BATCH > 0 ? proceed() : scheduler.wait(proceed)
  }, scheduler)

  /** Drops the rest of a message, and lets the next one come. */
  const finishWork = () => {
    const done = work?.done
    work = undefined
    done?.()
  }

  const session = {
    ...record,
    ...{ slot: 0, dismiss: close, drop, destroy, stop, proceed, finishWork },

    get state() {
      return state
    },

    get bytes() {
      return transport.bytes
    },

    get waiting() {
      return transport.flow.waiting
    },

    get holding() {
      return transport.holding ?? transport.flow.holding
    },

    // The protocols have pings of their own.
    onHeartbeat() {},

    /** Starts the faults. Call it when the client can take messages. */
    start: () => behaviour.onOpen?.(),

    /** Sends a reply, to which the faults apply. */
    reply: (message: Message) => behaviour.onMessage(message),

    /**
     * Handles a message of several parts, one at a time. Meanwhile no other message is read.
     * @param done called after the last part, or when the session is closed before that
     */
    handle(message: Buffer, handle: (part: Buffer) => void, done = () => {}) {
      const cost = costOf(message.length)
      const finish = () => {
        transport.flow.countKept(-cost)
        transport.flow.release(Hold.busy)
        done()
      }
      transport.flow.countKept(cost)
      // A copy, because the message may be a small part of a large chunk, which would stay in memory.
      work = { parts: split(Buffer.from(message)), handle, done: finish }
      proceed()
      if (work) transport.flow.hold(Hold.busy)
    },

    push(message: Message) {
      const canPush = state === 'open' && speaker.isReady() && transport.flow.waiting <= highWaterMark
      if (canPush) behaviour.push(message)
      return canPush
    },

    goAway() {
      if (state === 'silent' || transport.isReachable?.() === false) destroy()
      else close(1001, 'The server is shutting down', true)
    },

    shed() {
      record.failed('Too little memory is free', 'Gave up the connection')
      stop(1013)
      transport.shed()
    },

    /** Ends the record once all connections are gone. Only the first reason for the end counts. */
    end(code: number, reason = '') {
      if (state === 'gone') return
      stop(code, reason)
      state = 'gone'
      finishWork()
      transport.flow.end()
      host.onGone(session)
      record.end(ending?.code ?? code, ending?.reason ?? reason)
    },
  } satisfies Session & Record<string, unknown>
  host.add(session)
  return session
}
