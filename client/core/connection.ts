import { notAnAddress, readAddress, withoutCredentials } from './address.ts'
import { byteLength } from './bytes.ts'
import type { Message } from './message.ts'
import { createRoundTrip } from './round-trip.ts'

export type ConnectionState = 'connecting' | 'connected' | 'closing' | 'disconnected'

/** An event of a connection. */
export type ConnectionEvent =
  | { type: 'connected'; url?: string; protocol: string; extensions: string }
  | { type: 'sent'; message: Message }
  /** `roundTrip` is in ms, and `undefined` unless it is certain. */
  | { type: 'received'; message: Message; roundTrip?: number | undefined }
  /** `sentCode` is the code that you closed with; it is absent if you did not close the connection. */
  | { type: 'disconnected'; code: number; reason: string; sentCode?: number }
  /** You closed the socket before its handshake was complete. */
  | { type: 'cancelled'; url: string }
  /** Another socket, to this address, takes the place of the open one. */
  | { type: 'replaced'; url: string }
  /** The page was left, which ends its connection. */
  | { type: 'left' }
  | { type: 'error'; problem: string }
  /** The handshake failed. Browsers hide the reason. `attempts` counts failures in a row that reconnecting caused. */
  | { type: 'refused'; url: string; attempts?: number }
  | { type: 'note'; text: string }

/** The messages in one direction, and the bytes of their payloads. */
export type Traffic = { messages: number; bytes: number }

/** Facts about the latest socket, which remain after it has closed. */
export type Facts = {
  /** Without a user name and password. */
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
  /** Closes the socket without waiting, because the page is being left. Returns whether there was one. */
  leave(): boolean
  facts(): Facts
}

type SocketType = new (url: string, protocols: string[]) => WebSocket

const NORMAL = 1000
const REPLACED = 'replaced by a new connection'
const LEFT = 'the page was left'
/** An HTTP token (RFC 9110 section 5.6.2). */
const TOKEN = /^[\w!#$%&'*+\-.^`|~]+$/

/** Creates a connection without a socket. `now` returns the time in ms, for measuring round trips. */
export function createConnection(
  { onState, onEvent }: ConnectionListener,
  Socket: SocketType = WebSocket,
  now: () => number = () => performance.now(),
): Connection {
  let socket: WebSocket | undefined
  let state: ConnectionState = 'disconnected'
  let sentCode: number | undefined
  let listening = new AbortController()
  let roundTrip = createRoundTrip(now)
  let facts = createFacts('')

  function enter(next: ConnectionState) {
    state = next
    onState(state)
  }

  function release(reason: string) {
    listening.abort()
    socket?.close(NORMAL, reason)
  }

  function adopt(opened: WebSocket) {
    socket = opened
    socket.binaryType = 'arraybuffer'
    sentCode = undefined
    roundTrip = createRoundTrip(now)
    const url = withoutCredentials(opened.url)
    facts = createFacts(url)
    listening = new AbortController()
    const { signal } = listening

    function on<T extends keyof WebSocketEventMap>(type: T, listener: (event: WebSocketEventMap[T]) => void) {
      opened.addEventListener(type, listener, { signal })
    }

    on('open', () => {
      const { protocol, extensions } = opened
      Object.assign(facts, { since: Date.now(), protocol, extensions })
      // Before the state, at whose change a waiting message is sent.
      onEvent({ type: 'connected', url, protocol, extensions })
      enter('connected')
    })
    on('message', ({ data }) => {
      const message: Message = typeof data === 'string' ? data : new Uint8Array(data)
      const time = roundTrip.received(message)
      count(facts.received, message)
      onEvent({ type: 'received', message, roundTrip: time })
    })
    on('error', () => {
      if (state === 'connected') onEvent({ type: 'error', problem: `the connection to ${url} failed` })
    })
    on('close', ({ code, reason }) => {
      const wasOpen = facts.since !== undefined
      facts.bufferedAmount = opened.bufferedAmount
      socket = undefined
      enter('disconnected')
      if (!wasOpen) return onEvent({ type: sentCode === undefined ? 'refused' : 'cancelled', url })
      onEvent({ type: 'disconnected', code, reason, ...(sentCode !== undefined && { sentCode }) })
    })
    enter('connecting')
  }

  return {
    connect(address, protocols = []) {
      const opened = openSocket(Socket, address, protocols)
      if (typeof opened === 'string') return onEvent({ type: 'error', problem: opened })
      const wasOpen = state === 'connected' || (state === 'closing' && facts.since !== undefined)
      release(REPLACED)
      if (wasOpen) onEvent({ type: 'replaced', url: withoutCredentials(opened.url) })
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
      // A socket that is closing already was closed by the server, whose close event is on its way.
      const earlier = sentCode
      if (socket.readyState !== socket.CLOSING) sentCode = code
      try {
        socket.close(code, reason)
      } catch (error) {
        sentCode = earlier
        return onEvent({ type: 'error', problem: error instanceof Error ? error.message : String(error) })
      }
      // Node reports the end of a socket that was still connecting before `close` returns.
      if (socket) enter('closing')
    },

    leave() {
      if (!socket) return false
      release(LEFT)
      socket = undefined
      enter('disconnected')
      onEvent({ type: 'left' })
      return true
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

/** Returns an opening socket, or one sentence that says why there is none. */
function openSocket(Socket: SocketType, address: string, protocols: string[]): WebSocket | string {
  try {
    // Browsers resolve a relative address against the page's, so a typo would connect to the wrong server.
    const { href } = new URL(address)
    return checkProtocols(protocols) ?? new Socket(href, protocols)
  } catch (error) {
    return explain(address, error)
  }
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
  const read = readAddress(address, 'http:')
  return notAnAddress(address, 'problem' in read ? read.problem : `Did you mean ${read.url}?`)
}
