import { once } from 'node:events'
import { createServer as createHttpServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { type AddressInfo, isIP, type Socket } from 'node:net'
import proxyaddr from 'proxy-addr'
import { WebSocketServer } from 'ws'
import { COMPRESSION_THRESHOLD } from './compression.ts'
import type { Config } from './config.ts'
import { EchoSocket } from './connection.ts'
import { createHeartbeat } from './heartbeat.ts'
import { type Logger, printable } from './log.ts'

/** Serves files of the page; calls `next` for a request that asks for none of them. */
export type Page = (request: IncomingMessage, response: ServerResponse, next: () => void) => void

export type ServerOptions = Config & {
  logger: Logger
  page?: Page | undefined
  /** Milliseconds that a request, the opening handshake included, may take to arrive. */
  handshakeTimeout?: number
}

export type Server = {
  /**
   * Resolves with the bound address.
   * @throws the system's error, such as `EADDRINUSE`
   */
  listen(): Promise<AddressInfo>
  /**
   * Stops accepting, closes every WebSocket with 1001 (RFC 6455, section 7.4.1), and resolves when all are gone,
   * which those that don't answer are after `shutdownTimeout`.
   */
  close(): Promise<void>
}

type Answer = { status: number; headers?: Record<string, string>; body: string }

const HANDSHAKE_TIMEOUT = 10_000

const noPage: Page = (_request, _response, next) => next()

/** The echo server: WebSockets on every path, and plain answers to plain requests on the same port. */
export function createServer(options: ServerOptions): Server {
  const { allowedOrigins, isTrustedProxy, logger, page = noPage } = options
  const connections = new Set<EchoSocket>()
  const prefixed = { ...options, connections, prefix: Buffer.from(options.replyPrefix) }
  const verbatim = { ...options, connections, prefix: Buffer.alloc(0) }
  const timeout = options.handshakeTimeout ?? HANDSHAKE_TIMEOUT
  let closing = false

  /** Why a handshake with these headers is refused, if it is. */
  const refusal = ({ headers: { origin } }: IncomingMessage): Answer | undefined => {
    if (closing) return { status: 503, body: 'The server is shutting down' }
    if (allowedOrigins && origin !== undefined && !allowedOrigins.has(origin)) {
      return { status: 403, body: `The origin ${printable(origin)} is not among the allowed ones` }
    }
    return undefined
  }

  const http = createHttpServer({
    requestTimeout: timeout,
    connectionsCheckingInterval: timeout / 10,
    // A refused handshake is served as the plain request that it then is, and so gets the same answer.
    shouldUpgradeCallback: request => isHandshake(request) && refusal(request) === undefined,
  })

  http.on('request', (request, response) => {
    const refused = refusal(request)
    if (pathOf(request) === '/healthz' && !isHandshake(request) && !closing) send(response, { status: 200, body: 'ok' })
    else if (refused) send(response, refused)
    else page(request, response, () => send(response, upgradeRequired(request)))
  })

  const sockets = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    WebSocket: EchoSocket,
    maxPayload: options.maxPayload,
    // Enough for messages of any size in frames of 64 bytes.
    maxFragments: Math.max(16_384, Math.ceil(options.maxPayload / 64)),
    // The connection answers pings, so that it can tell when too many answers are waiting.
    autoPong: false,
    perMessageDeflate: {
      serverNoContextTakeover: true,
      clientNoContextTakeover: true,
      threshold: COMPRESSION_THRESHOLD,
    },
  })

  const heartbeat = createHeartbeat(connections, options.heartbeatInterval)

  http.on('upgrade', (request: IncomingMessage, socket: Socket, head) => {
    sockets.handleUpgrade(request, socket, head, ws => {
      const path = pathOf(request)
      const peer = { address: addressOf(request, isTrustedProxy), path }
      ws.serve(socket, peer, path === '/raw' ? verbatim : prefixed)
      heartbeat.start(ws)
    })
  })

  return {
    async listen() {
      http.listen(options.port, options.host)
      await once(http, 'listening')
      // Without a listener, a failed accept (out of file descriptors, say) would end the process.
      http.on('error', error => logger.error(error.message))
      return http.address() as AddressInfo
    },

    async close() {
      closing = true
      const httpClosed = new Promise(resolve => http.close(resolve))
      const connectionsClosed = Promise.all([...connections].map(ws => once(ws, 'close')))
      for (const ws of connections) ws.close(1001, 'The server is shutting down')
      const deadline = setTimeout(() => {
        for (const ws of connections) ws.terminate()
      }, options.shutdownTimeout)
      await connectionsClosed
      clearTimeout(deadline)
      heartbeat.stop()
      http.closeAllConnections()
      await httpClosed
    },
  }
}

/** An upgrade to anything else is served as if it weren't there, and HTTP/1.0 has none (RFC 9110, section 7.8). */
const isHandshake = ({ headers, httpVersion }: IncomingMessage): boolean =>
  headers.upgrade?.toLowerCase() === 'websocket' && httpVersion === '1.1'

/** Path and query, also of a target in absolute form (RFC 9112, section 3.2.2). */
const targetOf = ({ url = '' }: IncomingMessage): string => url.replace(/^https?:\/\/[^/?]*/i, '')

const pathOf = (request: IncomingMessage): string => targetOf(request).split('?', 1)[0] ?? ''

/** The peer's own address: the rightmost of `X-Forwarded-For` that isn't a trusted proxy's, if it is an address. */
function addressOf(request: IncomingMessage, isTrustedProxy: Config['isTrustedProxy']): string {
  const forwarded = proxyaddr(request, isTrustedProxy)
  const address = isIP(forwarded) ? forwarded : request.socket.remoteAddress
  return printable(address?.replace(/^::ffff:(?=\d+\.)/, '') ?? 'gone')
}

/** Tells a client that did not ask for an upgrade how to (RFC 9110, section 15.5.22). */
function upgradeRequired(request: IncomingMessage): Answer {
  const address = printable(`ws://${request.headers.host ?? 'localhost'}${targetOf(request)}`)
  return {
    status: 426,
    headers: { Connection: 'Upgrade', Upgrade: 'websocket' },
    body: `This address speaks WebSocket: connect to it with new WebSocket(${JSON.stringify(address)})`,
  }
}

function send(response: ServerResponse, answer: Answer): void {
  const body = `${answer.body}\n`
  response.writeHead(answer.status, {
    'Access-Control-Allow-Origin': '*',
    'Content-Length': Buffer.byteLength(body),
    'Content-Type': 'text/plain; charset=utf-8',
    'X-Content-Type-Options': 'nosniff',
    ...answer.headers,
  })
  response.end(body)
}
