import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { onTestFinished } from 'vitest'
import { type ServerOptions, type WebSocket, WebSocketServer } from 'ws'

/** Starts a WebSocket server for one test. `onRequest` handles plain HTTP requests. */
export async function startPeer(
  onSocket: (socket: WebSocket) => void,
  { port = 0, onRequest, ...options }: ServerOptions & { port?: number; onRequest?: RequestListener } = {},
) {
  const http = createServer(onRequest)
  const server = new WebSocketServer({ ...options, server: http })
  server.on('connection', onSocket)
  http.listen(port, '127.0.0.1')
  await once(http, 'listening')
  const { port: bound } = http.address() as AddressInfo

  const close = () => {
    for (const socket of server.clients) socket.terminate()
    http.closeAllConnections()
    return new Promise(resolve => http.close(resolve))
  }
  onTestFinished(() => void close())
  return { url: `ws://127.0.0.1:${bound}/`, port: bound, sockets: server.clients, close }
}
