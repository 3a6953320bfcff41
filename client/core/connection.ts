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
  listener: ConnectionListener,
  Socket: SocketType = WebSocket,
  now: () => number = () => performance.now(),
): Connection {
  const { onState, onEvent } = listener
  let link: Link | undefined

  return {
    connect(address, protocols = []) {
      const opened = openSocket(Socket, address, protocols)
      if (typeof opened === 'string') return onEvent({ type: 'error', problem: opened })
      const wasOpen = link?.isOpen()
      link?.release(REPLACED)
      if (wasOpen) onEvent({ type: 'replaced', url: withoutCredentials(opened.url) })
      link = createLink(opened, listener, now)
      onState('connecting')
    },

    send: message => link?.send(message) ?? false,

    disconnect: (code, reason) => link?.disconnect(code, reason),

    leave: () => link?.leave() ?? false,

    facts: () => link?.facts() ?? createFacts(''),
  }
}

type Link = ReturnType<typeof createLink>

/** Manages one socket, from the start of its handshake to its end. */
function createLink(socket: WebSocket, { onState, onEvent }: ConnectionListener, now: () => number) {
  const url = withoutCredentials(socket.url)
  const facts = createFacts(url)
  const roundTrip = createRoundTrip(now)
  const listening = new AbortController()
  let state: ConnectionState = 'connecting'
  let sentCode: number | undefined
  socket.binaryType = 'arraybuffer'

  function enter(next: ConnectionState) {
    state = next
    onState(state)
  }

  const isEnded = () => state === 'disconnected'

  function release(reason: string) {
    listening.abort()
    socket.close(NORMAL, reason)
  }

  function on<T extends keyof WebSocketEventMap>(type: T, listener: (event: WebSocketEventMap[T]) => void) {
    socket.addEventListener(type, listener, { signal: listening.signal })
  }

  on('open', () => {
    const { protocol, extensions } = socket
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
    facts.bufferedAmount = socket.bufferedAmount
    enter('disconnected')
    if (facts.since === undefined) return onEvent({ type: sentCode === undefined ? 'refused' : 'cancelled', url })
    onEvent({ type: 'disconnected', code, reason, ...(sentCode !== undefined && { sentCode }) })
  })

  return {
    release,
    isOpen: () => !isEnded() && facts.since !== undefined,

    send(message: Message) {
      if (socket.readyState !== socket.OPEN) return false
      roundTrip.sent(message)
      socket.send(message)
      count(facts.sent, message)
      onEvent({ type: 'sent', message })
      return true
    },

    disconnect(code = NORMAL, reason = '') {
      if (isEnded()) return
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
      if (!isEnded()) enter('closing')
    },

    leave() {
      if (isEnded()) return false
      release(LEFT)
      enter('disconnected')
      onEvent({ type: 'left' })
      return true
    },

    facts: () => ({ ...facts, bufferedAmount: (isEnded() ? facts : socket).bufferedAmount }),
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
