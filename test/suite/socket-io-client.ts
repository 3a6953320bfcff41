import { io, type ManagerOptions, type Socket, type SocketOptions } from 'socket.io-client'
import { onTestFinished } from 'vitest'

export const transports = {
  'long polling': ['polling'],
  WebSocket: ['websocket'],
  'both transports': ['polling', 'websocket'],
} as const satisfies Record<string, ('polling' | 'websocket')[]>

/** A client whose events are awaited one by one, in order. */
export type IoClient = {
  socket: Socket
  /** Resolves with the next event: its name and its arguments. Rejects if the client disconnects first. */
  next(): Promise<[event: string, ...args: unknown[]]>
  /** Resolves with the reason once the client has disconnected. */
  disconnected: Promise<string>
}

/** Connects a client that does not reconnect. It disconnects at the end of the test. Rejects if it cannot connect. */
export async function connectIo(url: string, options: Partial<ManagerOptions & SocketOptions> = {}): Promise<IoClient> {
  const socket = io(url, { forceNew: true, reconnection: false, ...options })
  onTestFinished(() => void socket.disconnect())
  const events: [string, ...unknown[]][] = []
  const waiting: PromiseWithResolvers<[string, ...unknown[]]>[] = []
  const { promise: disconnected, resolve } = Promise.withResolvers<string>()
  let ended: Error | undefined
  socket.onAny((...event: [string, ...unknown[]]) => {
    const waiter = waiting.shift()
    if (waiter) waiter.resolve(event)
    else events.push(event)
  })
  socket.on('disconnect', reason => {
    ended = new Error(`disconnected: ${reason}`)
    for (const waiter of waiting) waiter.reject(ended)
    resolve(reason)
  })
  await new Promise<void>((resolve, reject) => {
    socket.on('connect', () => resolve())
    socket.on('connect_error', error => reject(error))
  })
  return {
    socket,
    disconnected,
    next() {
      const event = events.shift()
      if (event) return Promise.resolve(event)
      if (ended) return Promise.reject(ended)
      const waiter = Promise.withResolvers<[string, ...unknown[]]>()
      waiting.push(waiter)
      return waiter.promise
    },
  }
}

/** Resolves when the client has moved from long polling to a WebSocket. */
export async function upgraded({ socket }: IoClient): Promise<void> {
  const { engine } = socket.io
  if (engine.transport.name === 'websocket') return
  await new Promise<void>(resolve => engine.once('upgrade', () => resolve()))
}

/** The path and query of a request that opens a session by long polling. */
export const PATH = 'socket.io/?EIO=4&transport=polling'

/** Opens a session by plain requests, and joins the main namespace. */
export async function openSession(http: string, query = '', headers: Record<string, string> = {}) {
  const response = await fetch(`${http}${PATH}${query}`, { headers })
  const { sid } = JSON.parse((await response.text()).slice(1))
  const url = `${http}${PATH}&sid=${sid}`
  const session = {
    sid,
    response,
    poll: async () => (await fetch(url)).text(),
    post: async (body: string) => fetch(url, { method: 'POST', body }),
    ask: (init: RequestInit) => fetch(url, init),
  }
  await session.post('40')
  await session.poll()
  return session
}
