export type ConnectionState = 'connecting' | 'connected' | 'closing' | 'disconnected'

/** What happened on a connection, in the order in which it happened. */
export type ConnectionEvent =
  | { type: 'connected' }
  | { type: 'sent'; message: string }
  | { type: 'received'; message: string | ArrayBuffer }
  | { type: 'disconnected'; code: number; reason: string }
  | { type: 'error'; problem: string }

export type ConnectionListener = {
  onState: (state: ConnectionState) => void
  onEvent: (event: ConnectionEvent) => void
}

/** At most one socket at a time, to any server, as often as wanted. Nothing here throws: problems are events. */
export type Connection = {
  /** Opens a socket and lets go of the one before. A bad address leaves the one before as it is. */
  connect(address: string): void
  /** Sends when connected, and tells whether it did. */
  send(message: string): boolean
  /** Starts the closing handshake with code 1000 (RFC 6455 section 7.1.2). */
  disconnect(): void
}

const NORMAL = 1000
const REPLACED = 'replaced by a new connection'

/** Creates a connection that is not connected yet. */
export function createConnection(
  { onState, onEvent }: ConnectionListener,
  Socket: new (url: string) => WebSocket = WebSocket,
): Connection {
  let socket: WebSocket | undefined
  let state: ConnectionState = 'disconnected'
  let listening = new AbortController()

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
    listening = new AbortController()
    const { signal } = listening

    function on<T extends keyof WebSocketEventMap>(type: T, listener: (event: WebSocketEventMap[T]) => void) {
      opened.addEventListener(type, listener, { signal })
    }

    on('open', () => {
      enter('connected')
      onEvent({ type: 'connected' })
    })
    on('message', ({ data }) => onEvent({ type: 'received', message: data }))
    on('error', () => {
      if (state === 'connecting') onEvent({ type: 'error', problem: `could not connect to ${opened.url}` })
      if (state === 'connected') onEvent({ type: 'error', problem: `the connection to ${opened.url} failed` })
    })
    on('close', ({ code, reason }) => {
      const wasConnected = state !== 'connecting'
      socket = undefined
      enter('disconnected')
      if (wasConnected) onEvent({ type: 'disconnected', code, reason })
    })
    enter('connecting')
  }

  return {
    connect(address) {
      let opened: WebSocket
      try {
        // Browsers resolve a relative address against the page's: a typing error would connect to somewhere else.
        opened = new Socket(new URL(address).href)
      } catch (error) {
        return onEvent({ type: 'error', problem: explain(address, error) })
      }
      release()
      adopt(opened)
    },

    send(message) {
      if (!socket || socket.readyState !== socket.OPEN) return false
      socket.send(message)
      onEvent({ type: 'sent', message })
      return true
    },

    disconnect() {
      if (!socket) return
      enter('closing')
      socket.close(NORMAL)
    },
  }
}

function explain(address: string, error: unknown): string {
  // Such as ws: from a page that came by https:. Only the browser knows its own rules.
  if (error instanceof DOMException && error.name === 'SecurityError') return error.message
  return `"${address}" is not a WebSocket address. It starts with ws:// or wss:// and has no #fragment.`
}
