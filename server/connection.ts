import type { Socket } from 'node:net'
import { WebSocket } from 'ws'
import type { Echo } from './echo.ts'
import { type Logger, printable, printablePayload } from './log.ts'

/** A socket of `ws` that remembers the close code it was closed with from this side. */
export class EchoSocket extends WebSocket {
  sentCode: number | undefined

  override close(code?: number, reason?: string | Buffer): void {
    this.sentCode ??= code
    super.close(code, reason)
  }
}

/** What the handshake told about a peer. */
export type Peer = { address: string; path: string }

export type ConnectionOptions = {
  echo: Echo
  /** Milliseconds from ping to ping; 0 is off. */
  heartbeatInterval: number
  logger: Logger
}

let count = 0

/** Serves one WebSocket from its handshake to its end: answers, logs, and finds out when the peer is gone. */
export function createConnection(ws: EchoSocket, socket: Socket, peer: Peer, options: ConnectionOptions): void {
  const { echo, heartbeatInterval, logger } = options
  const connection = ++count
  const heartbeat = heartbeatInterval > 0 ? startHeartbeat(ws, socket, heartbeatInterval) : undefined
  const logsMessages = logger.isLevelEnabled('debug')

  logger.info(
    { connection, address: peer.address, path: printable(peer.path), subprotocol: printable(ws.protocol) || undefined },
    'Connected!',
  )

  ws.on('message', (payload: Buffer, isBinary) => {
    if (logsMessages) logger.debug({ connection }, `Message received : ${printablePayload(payload, isBinary)}`)
    ws.send(echo(payload, isBinary), { binary: isBinary })
    if (logsMessages) logger.debug({ connection }, 'Just replied')
  })

  ws.on('error', error => logger.info({ connection, error: error.message }, 'Failed the connection'))

  ws.on('close', (code, reason) => {
    clearInterval(heartbeat)
    const given = code === 1006 ? (ws.sentCode ?? code) : code
    logger.info({ connection, code: given, reason: printable(reason.toString()) || undefined }, 'Disconnected')
  })
}

/** Pings a peer at every interval, and ends the connection when nothing at all came since the last ping. */
function startHeartbeat(ws: WebSocket, socket: Socket, interval: number): NodeJS.Timeout {
  let heard = -1
  return setInterval(() => {
    if (socket.bytesRead === heard) return ws.terminate()
    heard = socket.bytesRead
    ws.ping()
  }, interval)
}
