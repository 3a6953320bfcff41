import { byteLength } from './bytes.ts'
import type { Message } from './message.ts'
import { createRoundTrip } from './round-trip.ts'

export type ConnectionState = 'connecting' | 'connected' | 'closing' | 'disconnected'

/** What happened on a connection, in the order in which it happened. */
export type ConnectionEvent =
  | { type: 'connected'; protocol: string; extensions: string }
  | { type: 'sent'; message: Message }
  /** `roundTrip` is in ms, and there only where it is certain. */
  | { type: 'received'; message: Message; roundTrip?: number | undefined }
  | { type: 'disconnected'; code: number; reason: string }
  | { type: 'error'; problem: string }
  /** The handshake failed, and the browser doesn't tell why. */
  | { type: 'refused'; url: string }
  | { type: 'note'; text: string }

/** Messages one way, and the bytes of their payloads. */
export type Traffic = { messages: number; bytes: number }

/** What is known of the latest socket, also when it is closed. */
export type Facts = {
  url: string
  /** When it opened, in ms since the epoch; `undefined` if it hasn't. */
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

/** At most one socket at a time, to any server, as often as wanted. Nothing here throws: problems are events. */
export type Connection = {
  /**
   * Opens a socket and lets go of the one before. A bad address, or subprotocols that can't be offered
   * (RFC 6455 section 4.1), leave the one before as it is.
   */
  connect(address: string, protocols?: string[]): void
  /** Sends when connected, and tells whether it did. */
  send(message: Message): boolean
  /** Starts the closing handshake (RFC 6455 section 7.1.2). The code is 1000, or from 3000 to 4999. */
  disconnect(code?: number, reason?: string): void
  facts(): Facts
}

const NORMAL = 1000
const REPLACED = 'replaced by a new connection'
/** A token of HTTP (RFC 9110 section 5.6.2). */
const TOKEN = /^[\w!#$%&'*+\-.^`|~]+$/

/** Creates a connection that is not connected yet. `now` is in ms and times round trips. */
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

  function release() {
    listening.abort()
    socket?.close(NORMAL, REPLACED)
    if (state === 'connected' || state === 'closing') {
      onEvent({ type: 'disconnected', code: NORMAL, reason: REPLACED })
    }
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
      const wasConnecting = state === 'connecting'
      facts.bufferedAmount = opened.bufferedAmount
      socket = undefined
      enter('disconnected')
      onEvent(wasConnecting ? { type: 'refused', url: opened.url } : { type: 'disconnected', code, reason })
    })
    enter('connecting')
  }

  return {
    connect(address, protocols = []) {
      let opened: WebSocket
      try {
        // Browsers resolve a relative address against the page's: a typing error would connect to somewhere else.
        const { href } = new URL(address)
        const problem = checkProtocols(protocols)
        if (problem) return onEvent({ type: 'error', problem })
        opened = new Socket(href, protocols)
      } catch (error) {
        return onEvent({ type: 'error', problem: explain(address, error) })
      }
      release()
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
  if (bad !== undefined)
    return `"${bad}" is not a subprotocol. It is made of letters, digits and !#$%&'*+-.^_\`|~ only.`
  const repeated = protocols.find((protocol, i) => protocols.indexOf(protocol) < i)
  if (repeated !== undefined) return `The subprotocol "${repeated}" is offered twice.`
  return undefined
}

function explain(address: string, error: unknown): string {
  // Such as ws: from a page that came by https:. Only the browser knows its own rules.
  if (error instanceof DOMException && error.name === 'SecurityError') return error.message
  return `"${address}" is not a WebSocket address. It starts with ws:// or wss:// and has no #fragment.`
}
