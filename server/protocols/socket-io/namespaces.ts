import type { Socket as EngineSocket } from 'engine.io'
import type { Socket } from 'socket.io'
import type { Message } from '../../connection/behaviour.ts'
import { costOf } from '../../wire/flow.ts'
import { describeEvent, EventError } from './event.ts'

/** An event that a client has sent. */
export type EventMessage = Message & {
  socket: Socket
  /** Emits it to the client, and acknowledges it. */
  reply(): void
}

/** What the namespaces need of their session. */
export type NamespacesOwner = {
  /** Counts memory that is kept for the client. Negative when it is freed. */
  countKept(cost: number): void
  /** Returns the echo of a text. */
  answerText(text: string): string
  /** The client has joined its first namespace. */
  onOpen(): void
  onEvent(message: EventMessage): void
  /** Ends the session because of a violation. */
  fail(problem: string): void
}

export type Namespaces = ReturnType<typeof createNamespaces>

// Milliseconds within which a client must join a namespace.
const JOIN_TIMEOUT = 10_000

// The most namespaces that a session may join, and the memory of one in the packages, in bytes.
const MAX_NAMESPACES = 100
const COST = 6144

/** Answers the events of a session in all namespaces that its client joins. */
export function createNamespaces(conn: EngineSocket, owner: NamespacesOwner) {
  const joined = new Set<Socket>()
  /** Memory of attachments whose event is not complete. */
  let attached = 0
  let hasOpened = false
  const timer = setTimeout(() => owner.fail('The client joined no namespace'), JOIN_TIMEOUT)
  conn.on('close', () => clearTimeout(timer))

  const attach = (cost: number) => {
    attached += cost
    owner.countKept(cost)
  }
  conn.on('packet', ({ type, data }: { type: string; data?: string | Buffer }) => {
    if (type !== 'message' || data === undefined) return
    // A text means that attachments before it were complete, or that they are invalid and discarded.
    attach(typeof data === 'string' ? -attached : costOf(data.length))
  })

  const prefixed = (value: unknown) => (typeof value === 'string' ? owner.answerText(value) : value)

  const onEvent = (socket: Socket, event: string, args: unknown[]) => {
    attach(-attached)
    const ack = typeof args.at(-1) === 'function' ? (args.pop() as (...args: unknown[]) => void) : undefined
    const reply = () => {
      const replied = event === 'message' ? args.map(prefixed) : args
      socket.emit(event, ...replied)
      ack?.(...replied)
    }
    try {
      owner.onEvent({ ...describeEvent(event, args), socket, reply })
    } catch (error) {
      if (!(error instanceof EventError)) throw error
      owner.fail(error.message)
    }
  }

  return {
    /** The client has joined a namespace. */
    join(socket: Socket): void {
      joined.add(socket)
      owner.countKept(COST)
      // It may be large, and nobody reads it.
      socket.handshake.auth = {}
      socket.onAny((event: string, ...args: unknown[]) => onEvent(socket, event, args))
      socket.on('disconnect', () => {
        joined.delete(socket)
        owner.countKept(-COST)
      })
      if (joined.size > MAX_NAMESPACES) return void owner.fail('Too many namespaces')
      if (hasOpened) return
      hasOpened = true
      clearTimeout(timer)
      owner.onOpen()
    },

    /** The namespace that the client joined first of those it is in. */
    get first(): Socket | undefined {
      const [first] = joined
      return first
    },
  }
}
