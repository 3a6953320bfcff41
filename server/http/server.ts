import { once } from 'node:events'
import { createServer as createHttpServer, type IncomingMessage, ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { createEcho } from '../answerers/echo.ts'
import type { Config } from '../config/config.ts'
import { type Outlet, PlainBehaviour } from '../connection/behaviour.ts'
import { Connection } from '../connection/connection.ts'
import { createHeartbeat } from '../connection/heartbeat.ts'
import type { Observer } from '../connection/observer.ts'
import { delayHandshake } from '../faults/handshake.ts'
import { describeHandshake } from '../faults/hello.ts'
import { Misbehaviour } from '../faults/misbehaviour.ts'
import { type Logger, printable } from '../log.ts'
import { ReplyBuffers } from '../wire/fast-path.ts'
import { type Admitted, createAdmission } from './admission.ts'
import { type Answer, send } from './answer.ts'
import { switchingProtocols } from './handshake.ts'
import type { Registry } from './registry.ts'
import { isHandshake, pathOf, remoteAddressOf, webSocketAddressOf } from './request.ts'

/** Serves files of the page; calls `next` for a request that asks for none of them. */
export type Page = (request: IncomingMessage, response: ServerResponse, next: () => void) => void

export type ServerOptions = Config & {
  registry: Registry
  logger: Logger
  page?: Page | undefined
  observer?: Observer | undefined
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

const HANDSHAKE_TIMEOUT = 10_000

// Milliseconds without traffic after which the system asks whether a peer is still there.
const KEEP_ALIVE = 30_000

// Milliseconds for what was destroyed to be gone; after them nothing is waited for any more.
const LAST_MOMENT = 500

/** Set by a proxy that would try another replica. */
const NEXT_REPLICA = 'x-next-replica'

const noPage: Page = (_request, _response, next) => next()

/** The echo server: WebSockets on every path, and plain answers to plain requests on the same port. */
export function createServer(options: ServerOptions): Server {
  const { isTrustedProxy, logger, maxPayload, observer, page = noPage, registry } = options
  const timeout = options.handshakeTimeout ?? HANDSHAKE_TIMEOUT
  const admission = createAdmission(options)
  const heartbeat = createHeartbeat(registry, options.heartbeatInterval)
  /** Sockets whose handshake is answered late. */
  const delayed = new Set<Socket>()
  const echoes = { prefixed: createEcho(options.replyPrefix), verbatim: createEcho('') }
  const buffers = new ReplyBuffers()
  // The fast path shows nobody its messages.
  const isFast = options.fastPath && !logger.isLevelEnabled('debug') && !observer?.wantsMessages
  const connectionOptions = {
    ...options,
    observer,
    load: registry.load,
    // Enough for messages of any size in frames of 64 bytes.
    maxFragments: Math.max(16_384, Math.ceil(maxPayload / 64)),
    onGone: (connection: Connection) => registry.delete(connection),
  }

  const open = (request: IncomingMessage, socket: Socket, head: Buffer, admitted: Admitted) => {
    if (!socket.readable || !socket.writable) return void socket.destroy()
    const { headers, faults, peer } = admitted
    socket.write(switchingProtocols(headers))
    const id = registry.nextId()
    const { answer, leadOf } = pathOf(request) === '/raw' ? echoes.verbatim : echoes.prefixed
    const createBehaviour = (outlet: Outlet) => {
      if (!faults) return new PlainBehaviour(outlet, answer)
      const handshake = { ...peer, request, headers, connection: id, remoteAddress: remoteAddressOf(request) }
      return new Misbehaviour(outlet, faults, answer, faults.hello && describeHandshake(handshake))
    }
    const fastPath = isFast && !faults ? { leadOf, maxPayload, buffers } : undefined
    const connection = new Connection({ ...admitted, id, socket, head, createBehaviour, fastPath }, connectionOptions)
    registry.add(connection)
    heartbeat.start(connection)
  }

  const http = createHttpServer({
    requestTimeout: timeout,
    connectionsCheckingInterval: timeout / 10,
    keepAlive: true,
    keepAliveInitialDelay: KEEP_ALIVE,
    // An upgrade to anything else is served as a plain request.
    shouldUpgradeCallback: isHandshake,
  })

  http.on('request', (request, response) => {
    const refused = admission.refusalOf(request)
    if (refused && isElsewhere(refused, request)) return void request.socket.destroy()
    if (pathOf(request) === '/healthz' && !registry.isClosing) return void send(response, { status: 200, body: 'ok' })
    if (refused) return void send(response, refused)
    page(request, response, () => {
      const address = webSocketAddressOf(request, isTrustedProxy)
      send(response, admission.fullness(request) ?? upgradeRequired(address, response.shouldKeepAlive))
    })
  })

  http.on('upgrade', (request: IncomingMessage, socket: Socket, head) => {
    socket.on('error', () => socket.destroy())
    const decision = admission.admit(request, socket)
    if ('status' in decision) return void refuse(request, socket, decision)
    const wait = decision.faults?.['handshake-delay']
    if (!wait) return void open(request, socket, head, decision)
    delayed.add(socket)
    socket.once('close', () => delayed.delete(socket))
    delayHandshake(socket, head, wait, head => {
      delayed.delete(socket)
      open(request, socket, head, decision)
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
      registry.isClosing = true
      const httpClosed = new Promise(resolve => http.close(resolve))
      for (const socket of delayed) socket.destroy()
      for (const connection of registry) connection.goAway()
      const late = new AbortController()
      const deadline = delay(options.shutdownTimeout, undefined, { signal: late.signal }).then(async () => {
        for (const connection of registry) connection.destroy()
        await delay(LAST_MOMENT, undefined, { signal: late.signal })
      })
      await Promise.race([registry.emptied(), deadline])
      deadline.catch(() => {})
      late.abort()
      heartbeat.stop()
      http.closeAllConnections()
      await httpClosed
    },
  }
}

/** A proxy that knows of other replicas tries the next one when it gets no answer at all. */
const isElsewhere = (refused: Answer, { headers }: IncomingMessage) =>
  refused.isElsewhereBetter === true && Boolean(headers[NEXT_REPLICA])

/** Answers a handshake, whose socket the HTTP server has already let go of. */
function refuse(request: IncomingMessage, socket: Socket, refused: Answer): void {
  if (isElsewhere(refused, request)) return void socket.destroy()
  const response = new ServerResponse(request)
  response.shouldKeepAlive = false
  response.assignSocket(socket)
  response.on('finish', () => socket.destroySoon())
  send(response, refused)
}

/** Tells a client that did not ask for an upgrade how to (RFC 9110, section 15.5.22). */
function upgradeRequired(address: string, keepsAlive: boolean): Answer {
  return {
    status: 426,
    headers: { Connection: keepsAlive ? 'Upgrade' : 'Upgrade, close', Upgrade: 'websocket' },
    body: `This address speaks WebSocket: connect to it with new WebSocket(${JSON.stringify(printable(address))})`,
  }
}
