import { once } from 'node:events'
import { createServer as createHttpServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { type AddressInfo, isIP, type Socket } from 'node:net'
import proxyaddr from 'proxy-addr'
import { WebSocketServer } from 'ws'
import type { Config } from './config.ts'
import { createConnection, EchoSocket } from './connection.ts'
import { createEcho, verbatim } from './echo.ts'
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

/** The echo server: WebSockets on every path, and plain answers to plain requests on the same port. */
export function createServer(options: ServerOptions): Server {
  const { allowedOrigins, isTrustedProxy, logger, page } = options
  const prefixed = createEcho(options.replyPrefix)
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
    headersTimeout: timeout,
    requestTimeout: timeout,
    connectionsCheckingInterval: timeout / 10,
    // A refused handshake is served as the plain request that it then is, and so gets the same answer.
    shouldUpgradeCallback: request =>
      request.headers.upgrade?.toLowerCase() === 'websocket' && refusal(request) === undefined,
  })

  http.on('request', (request, response) => {
    const refused = refusal(request)
    if (pathOf(request) === '/healthz' && !closing) send(response, { status: 200, body: 'ok' })
    else if (refused) send(response, refused)
    else if (page) page(request, response, () => send(response, upgradeRequired(request)))
    else send(response, upgradeRequired(request))
  })

  const sockets = new WebSocketServer({
    noServer: true,
    WebSocket: EchoSocket,
    maxPayload: options.maxPayload,
    perMessageDeflate: { serverNoContextTakeover: true, clientNoContextTakeover: true, threshold: 1024 },
  })

  http.on('upgrade', (request: IncomingMessage, socket: Socket, head) => {
    sockets.handleUpgrade(request, socket, head, ws => {
      const path = pathOf(request)
      const peer = { address: addressOf(request, isTrustedProxy), path }
      createConnection(ws, socket, peer, { ...options, echo: path === '/raw' ? verbatim : prefixed, logger })
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
      const socketsClosed = new Promise(resolve => sockets.close(resolve))
      for (const ws of sockets.clients) ws.close(1001, 'The server is shutting down')
      const deadline = setTimeout(() => {
        for (const ws of sockets.clients) ws.terminate()
      }, options.shutdownTimeout)
      await socketsClosed
      clearTimeout(deadline)
      http.closeAllConnections()
      await httpClosed
    },
  }
}

const pathOf = (request: IncomingMessage): string => request.url?.split('?', 1)[0] ?? ''

/** The peer's own address: the rightmost of `X-Forwarded-For` that isn't a trusted proxy's, if it is an address. */
function addressOf(request: IncomingMessage, isTrustedProxy: Config['isTrustedProxy']): string {
  const forwarded = proxyaddr(request, isTrustedProxy)
  const address = isIP(forwarded) ? forwarded : request.socket.remoteAddress
  return address?.replace(/^::ffff:(?=\d+\.)/, '') ?? 'gone'
}

/** Tells a client that did not ask for an upgrade how to (RFC 9110, section 15.5.22). */
function upgradeRequired(request: IncomingMessage): Answer {
  const address = printable(`ws://${request.headers.host ?? 'localhost'}${request.url}`)
  return {
    status: 426,
    headers: { Connection: 'Upgrade', Upgrade: 'websocket' },
    body: `This address speaks WebSocket: connect to it with new WebSocket(${JSON.stringify(address)})`,
  }
}

function send(response: ServerResponse, answer: Answer): void {
  response.writeHead(answer.status, {
    'Access-Control-Allow-Origin': '*',
    'Content-Type': 'text/plain; charset=utf-8',
    'X-Content-Type-Options': 'nosniff',
    ...answer.headers,
  })
  response.end(`${answer.body}\n`)
}
