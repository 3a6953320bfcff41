import { once } from 'node:events'
import { createServer as createHttpServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { WebSocketServer } from 'ws'
import { type Answer, send } from './answer.ts'
import { COMPRESSION_THRESHOLD } from './compression.ts'
import type { Config } from './config.ts'
import { EchoSocket, type Peer } from './connection.ts'
import { asksForFaults, FaultsError, namesIn, parseFaults, type Written } from './faults/faults.ts'
import { createFaultyHandshakes, refusalOf } from './faults/handshake.ts'
import { createHeartbeat } from './heartbeat.ts'
import { type Logger, printable } from './log.ts'
import type { Observer } from './observer.ts'
import { addressOf, isHandshake, pathOf, queryOf, targetOf, webSocketAddressOf } from './request.ts'

/** Serves files of the page; calls `next` for a request that asks for none of them. */
export type Page = (request: IncomingMessage, response: ServerResponse, next: () => void) => void

export type ServerOptions = Config & {
  logger: Logger
  page?: Page | undefined
  observer?: Observer | undefined
  /** Milliseconds that a request, the opening handshake included, may take to arrive. */
  handshakeTimeout?: number
}

export type Server = {
  /** Those that are open. */
  readonly connections: ReadonlySet<EchoSocket>
  /** Whether it has begun to close. */
  readonly isClosing: boolean
  /** What new connections ask for where their query doesn't, as it would be written there. */
  defaultFaults: Written
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

const HANDSHAKE_TIMEOUT = 10_000

// Milliseconds for what was terminated to be gone; after them nothing is waited for any more.
const LAST_MOMENT = 500

/** Set by a proxy that would try another replica. */
const NEXT_REPLICA = 'x-next-replica'

const noPage: Page = (_request, _response, next) => next()

/** The echo server: WebSockets on every path, and plain answers to plain requests on the same port. */
export function createServer(options: ServerOptions): Server {
  const { allowedOrigins, isTrustedProxy, logger, observer, page = noPage } = options
  const { maxConnections, maxConnectionsPerIp = Number.POSITIVE_INFINITY } = options
  const connections = new Set<EchoSocket>()
  /** How many connections each address has; only counted where that is limited. */
  const perAddress = new Map<string, number>()
  const prefixed = { ...options, observer, connections, prefix: Buffer.from(options.replyPrefix) }
  const verbatim = { ...prefixed, prefix: Buffer.alloc(0) }
  const timeout = options.handshakeTimeout ?? HANDSHAKE_TIMEOUT
  let closing = false
  let defaultFaults: Written = {}

  const faultsOf = (request: IncomingMessage) =>
    options.faults ? parseFaults(queryOf(request), defaultFaults) : undefined

  /** Why there is no room for one more connection, if there is none. */
  const fullness = (request: IncomingMessage): Answer | undefined => {
    const answer: Answer = { reason: 'full', status: 503, headers: { 'Retry-After': '1' }, body: 'The server is full' }
    if (connections.size + faultyHandshakes.delayed >= maxConnections) return { ...answer, isElsewhereBetter: true }
    const ofAddress = perAddress.get(addressOf(request, isTrustedProxy)) ?? 0
    return ofAddress < maxConnectionsPerIp ? undefined : { ...answer, body: 'Too many connections from this address' }
  }

  /** Why a handshake with this target and these headers is refused, if it is. */
  const refusal = (request: IncomingMessage): Answer | undefined => {
    const { origin } = request.headers
    if (closing) {
      return { reason: 'closing', status: 503, body: 'The server is shutting down', isElsewhereBetter: true }
    }
    if (allowedOrigins && origin !== undefined && !allowedOrigins.has(origin)) {
      const body = `The origin ${printable(origin)} is not among the allowed ones`
      return { reason: 'origin', status: 403, body }
    }
    const full = isHandshake(request) ? fullness(request) : undefined
    if (full) return full
    try {
      const faults = faultsOf(request)
      return faults && refusalOf(faults, request)
    } catch (error) {
      if (error instanceof FaultsError) return { reason: 'query', status: 400, body: error.message }
      throw error
    }
  }

  const http = createHttpServer({
    requestTimeout: timeout,
    connectionsCheckingInterval: timeout / 10,
    // A refused handshake is served as the plain request that it then is, and so gets the same answer.
    shouldUpgradeCallback: request => isHandshake(request) && refusal(request) === undefined,
  })

  http.on('request', (request, response) => {
    const refused = refusal(request)
    if (refused?.reason && isHandshake(request)) observer?.refused(refused.reason)
    // A proxy that knows of other replicas tries the next one when it gets no answer at all.
    if (refused?.isElsewhereBetter && request.headers[NEXT_REPLICA]) return void request.socket.destroy()
    if (pathOf(request) === '/healthz' && !isHandshake(request) && !closing) send(response, { status: 200, body: 'ok' })
    else if (refused) send(response, refused)
    else
      page(request, response, () => {
        const address = webSocketAddressOf(request, isTrustedProxy)
        send(response, fullness(request) ?? upgradeRequired(address, response.shouldKeepAlive))
      })
  })

  const socketOptions = {
    noServer: true,
    clientTracking: false,
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
  }
  const sockets = new WebSocketServer({ ...socketOptions, WebSocket: EchoSocket })
  const faultyHandshakes = createFaultyHandshakes(socketOptions)
  const heartbeat = createHeartbeat(connections, options.heartbeatInterval)

  http.on('upgrade', (request: IncomingMessage, socket: Socket, head) => {
    const query = queryOf(request)
    const faults = faultsOf(request)
    const asks = options.faults && asksForFaults(query)
    const peer: Peer = {
      address: addressOf(request, isTrustedProxy),
      target: targetOf(request),
      faults: faults && (asks ? query : 'by default'),
      ignored: asks || !options.faults ? undefined : namesIn(query).join(', ') || undefined,
    }
    if (maxConnectionsPerIp < Number.POSITIVE_INFINITY) {
      perAddress.set(peer.address, (perAddress.get(peer.address) ?? 0) + 1)
      socket.once('close', () => {
        const left = (perAddress.get(peer.address) ?? 1) - 1
        if (left > 0) perAddress.set(peer.address, left)
        else perAddress.delete(peer.address)
      })
    }
    let isServed = false
    const serve = (ws: EchoSocket) => {
      isServed = true
      ws.serve(socket, peer, pathOf(request) === '/raw' ? verbatim : prefixed)
      heartbeat.start(ws)
      return peer
    }
    if (faults) faultyHandshakes.upgrade(request, socket, head, faults, serve)
    else sockets.handleUpgrade(request, socket, head, serve)
    if (!isServed && !faults?.['handshake-delay']) observer?.refused('malformed')
  })

  return {
    connections,
    get isClosing() {
      return closing
    },
    get defaultFaults() {
      return defaultFaults
    },
    set defaultFaults(faults) {
      defaultFaults = faults
    },

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
      faultyHandshakes.close()
      for (const ws of connections) ws.goAway()
      const late = new AbortController()
      const deadline = delay(options.shutdownTimeout, undefined, { signal: late.signal }).then(async () => {
        for (const ws of connections) ws.terminate()
        await delay(LAST_MOMENT, undefined, { signal: late.signal })
      })
      await Promise.race([connectionsClosed, deadline])
      deadline.catch(() => {})
      late.abort()
      heartbeat.stop()
      http.closeAllConnections()
      await httpClosed
    },
  }
}

/** Tells a client that did not ask for an upgrade how to (RFC 9110, section 15.5.22). */
function upgradeRequired(address: string, keepsAlive: boolean): Answer {
  return {
    status: 426,
    headers: { Connection: keepsAlive ? 'Upgrade' : 'Upgrade, close', Upgrade: 'websocket' },
    body: `This address speaks WebSocket: connect to it with new WebSocket(${JSON.stringify(printable(address))})`,
  }
}
