import { WebSocket as Ws } from 'ws'

export type Message = string | Uint8Array

/** A client whose messages are awaited one by one, in order. */
export type Client = {
  socket: WebSocket
  /** Resolves with the next message, which may have arrived already. Rejects when the connection ends without one. */
  next(): Promise<Message>
  closed: Promise<{ code: number; reason: string; wasClean: boolean }>
}

export type Implementation = new (url: string, protocols?: string | string[]) => WebSocket

/** The two client implementations that every endpoint is tested with. Both have the API of browsers. */
export const implementations = { ws: Ws as unknown as Implementation, 'Node’s WebSocket': WebSocket }

/** Opens a connection. Rejects if the handshake fails. */
export async function connect(
  url: string,
  Implementation: Implementation = implementations.ws,
  protocols: string[] = [],
): Promise<Client> {
  const socket = new Implementation(url, protocols)
  socket.binaryType = 'arraybuffer'

  const messages: Message[] = []
  const waiting: PromiseWithResolvers<Message>[] = []
  const { promise: closed, resolve: close } = Promise.withResolvers<Awaited<Client['closed']>>()
  let ended: Error | undefined

  socket.addEventListener('message', ({ data }) => {
    const message = typeof data === 'string' ? data : new Uint8Array(data)
    const waiter = waiting.shift()
    if (waiter) waiter.resolve(message)
    else messages.push(message)
  })
  socket.addEventListener('close', ({ code, reason, wasClean }) => {
    ended = new Error(`closed with ${code} ${reason}`)
    for (const waiter of waiting) waiter.reject(ended)
    close({ code, reason, wasClean })
  })

  await new Promise<void>((resolve, reject) => {
    socket.addEventListener('open', () => resolve())
    socket.addEventListener('error', event => reject(new Error(`can't connect to ${url}`, { cause: event })))
  })

  return {
    socket,
    closed,
    next() {
      const message = messages.shift()
      if (message !== undefined) return Promise.resolve(message)
      if (ended) return Promise.reject(ended)
      const waiter = Promise.withResolvers<Message>()
      waiting.push(waiter)
      return waiter.promise
    },
  }
}
