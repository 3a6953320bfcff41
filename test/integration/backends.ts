import { once } from 'node:events'
import { createServer as createHttpServer } from 'node:http'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { fileURLToPath } from 'node:url'
import { onTestFinished } from 'vitest'
import { type ServerOptions, WebSocketServer } from 'ws'
import { acceptOf } from '../../server/http/handshake.ts'
import { python } from '../requirements.ts'
import { run } from './run.ts'

const urlOf = (server: Server) => `ws://127.0.0.1:${(server.address() as AddressInfo).port}`

/** Starts a backend with the library ws. */
export async function startWs(options: ServerOptions = {}) {
  const http = createHttpServer((_, response) => response.writeHead(426).end('Not a WebSocket'))
  const wss = new WebSocketServer({ server: http, ...options })
  http.listen(0, '127.0.0.1')
  await once(http, 'listening')
  onTestFinished(() => {
    for (const client of wss.clients) client.terminate()
    http.close()
  })
  return { wss, http, url: urlOf(http) }
}

/** Starts a backend with Python's library websockets in a process of its own. */
export async function startProgram(kind: 'echo' | 'broadcast') {
  const script = fileURLToPath(new URL('backends.py', import.meta.url))
  const { line, kill } = run([python, script, kind])
  const [, port] = await line(/^port (\d+)$/)
  return { url: `ws://127.0.0.1:${port}`, kill }
}

/** Starts a backend that does with each connection whatever a test wants, from the first byte on. */
export async function startRaw(onConnection: (socket: Socket, request: string) => void) {
  const sockets = new Set<Socket>()
  const server = createServer({ allowHalfOpen: true }, socket => {
    sockets.add(socket)
    socket.on('error', () => {})
    let request = ''
    const onData = (chunk: Buffer) => {
      request += chunk.toString('latin1')
      if (!request.includes('\r\n\r\n')) return
      socket.off('data', onData).pause()
      onConnection(socket, request)
    }
    socket.on('data', onData)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return { url: urlOf(server), sockets }
}

/** Returns the 101 that a request asks for. */
export function answerTo(request: string, headers: Record<string, string> = {}): string {
  const key = /^sec-websocket-key: *(\S+)/im.exec(request)?.[1] ?? ''
  const all = { Upgrade: 'websocket', Connection: 'Upgrade', 'Sec-WebSocket-Accept': acceptOf(key), ...headers }
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`)
  return `HTTP/1.1 101 Switching Protocols\r\n${lines.join('')}\r\n`
}

/** Starts a backend that accepts each handshake, and then does nothing on its own. `first` is its first connection. */
export async function startPassive() {
  const { promise: first, resolve } = Promise.withResolvers<Socket>()
  const backend = await startRaw((socket, request) => {
    socket.write(answerTo(request))
    resolve(socket)
  })
  return { ...backend, first }
}
