import { byteLength } from './bytes.ts'
import type { Message } from './message.ts'
import { createRoundTrip } from './round-trip.ts'

export type ConnectionState = 'connecting' | 'connected' | 'closing' | 'disconnected'

/** An event of a connection. */
export type ConnectionEvent =
  | { type: 'connected'; protocol: string; extensions: string }
  | { type: 'sent'; message: Message }
  /** `roundTrip` is in ms, and `undefined` unless it is certain. */
  | { type: 'received'; message: Message; roundTrip?: number | undefined }
  /** `by` is `page` if the page had started the closing handshake. */
  | { type: 'disconnected'; code: number; reason: string; by: 'page' | 'server' }
  /** The page gave up before the handshake ended. */
  | { type: 'cancelled'; url: string }
  /** The page closed the connection to open another one, to `next`. No close event follows. */
  | { type: 'replaced'; next: string }
  | { type: 'error'; problem: string }
  /** The handshake failed. Browsers hide the reason. */
  | { type: 'refused'; url: string }
  | { type: 'note'; text: string }

/** The messages in one direction, and the bytes of their payloads. */
export type Traffic = { messages: number; bytes: number }

/** Facts about the latest socket, which remain after it has closed. */
export type Facts = {
  url: string
  /** When it opened, in ms since the epoch; `undefined` if it has not. */
  since: number | undefined
  protocol: string
  extensions: string
  sent: Traffic
  received: Traffic
  bufferedAmount: number
}

export type ConnectionListener = {
  onState: (state: ConnectionState) => void
  onEvent: (event: ConnectionEvent) => void
}

/** Manages one socket at a time, and can connect again and again. No method throws: problems are events. */
export type Connection = {
  /**
   * Opens a socket and closes the previous one. On an invalid address or invalid subprotocols (RFC 6455 section 4.1),
   * the previous socket stays open.
   */
  connect(address: string, protocols?: string[]): void
  /** Sends a message if connected, and returns whether it did. */
  send(message: Message): boolean
  /** Starts the closing handshake (RFC 6455 section 7.1.2). The code must be 1000 or from 3000 to 4999. */
  disconnect(code?: number, reason?: string): void
  facts(): Facts
}

const NORMAL = 1000
const REPLACED = 'replaced by a new connection'
/** An HTTP token (RFC 9110 section 5.6.2). */
const TOKEN = /^[\w!#$%&'*+\-.^`|~]+$/

/** Creates a connection without a socket. `now` returns the time in ms, for measuring round trips. */
export function createConnection(
  { onState, onEvent }: ConnectionListener,
  Socket: new (url: string, protocols: string[]) => WebSocket = WebSocket,
  now: () => number = () => performance.now(),
): Connection {
  let socket: WebSocket | undefined
  let state: ConnectionState = 'disconnected'
  let listening = new AbortController()
  let roundTrip = createRoundTrip(now)
  let facts = createFacts('')

  function enter(next: ConnectionState) {
    state = next
    onState(state)
  }

  function release(next: string) {
    listening.abort()
    socket?.close(NORMAL, REPLACED)
    if (state === 'connected' || state === 'closing') onEvent({ type: 'replaced', next })
  }

  function adopt(opened: WebSocket) {
    socket = opened
    socket.binaryType = 'arraybuffer'
    roundTrip = createRoundTrip(now)
    facts = createFacts(opened.url)
    listening = new AbortController()
    const { signal } = listening

    function on<T extends keyof WebSocketEventMap>(type: T, listener: (event: WebSocketEventMap[T]) => void) {
      opened.addEventListener(type, listener, { signal })
    }

    on('open', () => {
      const { protocol, extensions } = opened
      Object.assign(facts, { since: Date.now(), protocol, extensions })
      enter('connected')
      onEvent({ type: 'connected', protocol, extensions })
    })
    on('message', ({ data }) => {
      const message: Message = typeof data === 'string' ? data : new Uint8Array(data)
      const time = roundTrip.received(message)
      count(facts.received, message)
      onEvent({ type: 'received', message, roundTrip: time })
    })
    on('error', () => {
      if (state === 'connected') onEvent({ type: 'error', problem: `the connection to ${opened.url} failed` })
    })
    on('close', ({ code, reason }) => {
      const wasConnected = facts.since !== undefined
      const by = state === 'closing' ? 'page' : 'server'
      facts.bufferedAmount = opened.bufferedAmount
      socket = undefined
      enter('disconnected')
      onEvent(wasConnected ? { type: 'disconnected', code, reason, by } : { type: 'refused', url: opened.url })
    })
    enter('connecting')
  }

  function cancel(opened: WebSocket) {
    listening.abort()
    opened.close()
    socket = undefined
    enter('disconnected')
    onEvent({ type: 'cancelled', url: opened.url })
  }

  return {
    connect(address, protocols = []) {
      let opened: WebSocket
      try {
        // Browsers resolve a relative address against the page's, so a typo would connect to the wrong server.
        const { href } = new URL(address)
        const problem = checkProtocols(protocols)
        if (problem) return onEvent({ type: 'error', problem })
        opened = new Socket(href, protocols)
      } catch (error) {
        return onEvent({ type: 'error', problem: explain(address, error) })
      }
      release(opened.url)
      adopt(opened)
    },

    send(message) {
      if (!socket || socket.readyState !== socket.OPEN) return false
      roundTrip.sent(message)
      socket.send(message)
      count(facts.sent, message)
      onEvent({ type: 'sent', message })
      return true
    },

    disconnect(code = NORMAL, reason = '') {
      if (!socket) return
      if (state === 'connecting') return cancel(socket)
      try {
        socket.close(code, reason)
      } catch (error) {
        return onEvent({ type: 'error', problem: error instanceof Error ? error.message : String(error) })
      }
      enter('closing')
    },

    facts: () => ({ ...facts, bufferedAmount: socket?.bufferedAmount ?? facts.bufferedAmount }),
  }
}

function createFacts(url: string): Facts {
  return {
    url,
    since: undefined,
    protocol: '',
    extensions: '',
    sent: { messages: 0, bytes: 0 },
    received: { messages: 0, bytes: 0 },
    bufferedAmount: 0,
  }
}

function count(traffic: Traffic, message: Message) {
  traffic.messages++
  traffic.bytes += byteLength(message)
}

function checkProtocols(protocols: string[]): string | undefined {
  const bad = protocols.find(protocol => !TOKEN.test(protocol))
  if (bad !== undefined) return `"${bad}" is not a subprotocol: use only letters, digits and !#$%&'*+-.^_\`|~.`
  const repeated = protocols.find((protocol, i) => protocols.indexOf(protocol) < i)
  if (repeated !== undefined) return `The subprotocol "${repeated}" is offered twice.`
  return undefined
}

function explain(address: string, error: unknown): string {
  // For example, an https: page may not connect to ws:. The browser explains its own rules best.
  if (error instanceof DOMException && error.name === 'SecurityError') return error.message
  return `"${address}" is not a WebSocket address: expected ws:// or wss://, a host, an optional port up to 65535, and no #fragment.`
}
