import { once } from 'node:events'
import { createServer as createHttpServer, type IncomingMessage, type Server, ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { createEcho } from '../answerers/echo.ts'
import { type Outlet, PlainBehaviour } from '../connection/behaviour.ts'
import { Connection, type Peer } from '../connection/connection.ts'
import { createHeartbeat } from '../connection/heartbeat.ts'
import { delayHandshake } from '../faults/handshake.ts'
import { describeHandshake } from '../faults/hello.ts'
import { Misbehaviour } from '../faults/misbehaviour.ts'
import { type Logger, printable } from '../log.ts'
import { ReplyBuffers } from '../wire/fast-path.ts'
import { Scheduler } from '../wire/scheduler.ts'
import { type AdmissionOptions, type Admitted, createAdmission } from './admission.ts'
import { type Answer, missingUpgrade, send, upgradeRequired } from './answer.ts'
import { switchingProtocols } from './handshake.ts'
import { createPipelines } from './pipelines.ts'
import {
  addressOf,
  costOfRequest,
  hasLostUpgrade,
  isHandshake,
  pathOf,
  remoteAddressOf,
  wantsHtml,
  webSocketAddressOf,
} from './request.ts'

/** Serves files of the page; calls `next` for a request that asks for none of them. */
export type Page = (request: IncomingMessage, response: ServerResponse, next: () => void) => void

export type ServerOptions = AdmissionOptions & {
  page?: Page | undefined
  /** Milliseconds that a request, the opening handshake included, may take to arrive. */
  handshakeTimeout?: number
}

const HANDSHAKE_TIMEOUT = 10_000

// Milliseconds without traffic after which the system asks whether a peer is still there.
const KEEP_ALIVE = 30_000

// Connections beyond MAX_CONNECTIONS that are taken for the moment in which they are told that there is no room.
const SPARE_CONNECTIONS = 64

// Connections that may be without a complete request at a time; beyond them, the oldest is ended.
const MAX_WITHOUT_REQUEST = 4096

// Milliseconds for what was destroyed to be gone; after them nothing is waited for any more.
const DESTROY_TIMEOUT = 500

const noPage: Page = (_request, _response, next) => next()

/** The echo server: WebSockets on every path, and plain answers to plain requests on the same port. */
export function createServer(options: ServerOptions) {
  const { isTrustedProxy, logger, maxConnections, maxPayload, observer, page = noPage, registry } = options
  const { handshakeTimeout: timeout = HANDSHAKE_TIMEOUT } = options
  const admission = createAdmission(options)
  const heartbeat = createHeartbeat(registry, options.heartbeatInterval)
  /** Resolves when the server closes and no connection is left. */
  const emptied = Promise.withResolvers<void>()
  const pipelines = createPipelines()
  const scheduler = new Scheduler()
  const echoes = { prefixed: createEcho(options.replyPrefix), verbatim: createEcho('') }
  const buffers = new ReplyBuffers()
  // The fast path shows nobody its messages.
  const isFast = options.fastPath && !logger.isLevelEnabled('debug') && !observer?.wantsMessages
  const connectionOptions = {
    ...options,
    observer,
    budget: registry.budget,
    scheduler,
    // Enough for messages of any size in frames of 64 bytes.
    maxFragments: Math.max(16_384, Math.ceil(maxPayload / 64)),
    onGone(connection: Connection) {
      registry.delete(connection)
      if (registry.isClosing && registry.size === 0) emptied.resolve()
    },
  }

  const explainUpgrade = (request: IncomingMessage) => {
    const details = { address: addressOf(request, isTrustedProxy), path: printable(pathOf(request)), status: 426 }
    if (hasLostUpgrade(request)) {
      logger.info({ ...details, problem: missingUpgrade(request) }, 'Answered a handshake as a plain request')
    } else {
      logger.debug(details, 'Answered a plain request')
    }
    return upgradeRequired(request, webSocketAddressOf(request, isTrustedProxy))
  }

  const describeHello = (id: number, request: IncomingMessage, peer: Peer) => {
    const remoteAddress = remoteAddressOf(request)
    return describeHandshake(id, request, remoteAddress, isTrustedProxy(remoteAddress, 0), peer)
  }

  const open = (request: IncomingMessage, socket: Socket, head: Buffer, admitted: Admitted) => {
    if (!socket.readable || !socket.writable) return void socket.destroy()
    const { headers, faults, peer } = admitted
    socket.write(switchingProtocols(headers))
    const id = ++registry.lastId
    const { answer, leadOf } = pathOf(request) === '/raw' ? echoes.verbatim : echoes.prefixed
    const createBehaviour = (outlet: Outlet) => {
      if (!faults) return new PlainBehaviour(outlet, answer)
      const hello = faults.hello && describeHello(id, request, peer)
      return new Misbehaviour(outlet, { faults, answer, hello, scheduler })
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
    // Otherwise Node.js would answer such a request itself, and the limit on pipelined requests would not apply to it.
    requireHostHeader: false,
  })

  /** Sockets whose first request has not come yet, oldest first. Its headers take memory that can't be counted. */
  const withoutRequest = new Set<Socket>()
  function onRequestArrived(this: Socket) {
    withoutRequest.delete(this)
    this.off('close', onRequestArrived)
  }

  http.maxConnections = maxConnections + SPARE_CONNECTIONS
  http.on('connection', socket => {
    admission.arrive(socket)
    withoutRequest.add(socket)
    socket.on('close', onRequestArrived)
    const [oldest] = withoutRequest
    if (withoutRequest.size > MAX_WITHOUT_REQUEST) oldest?.destroy()
  })

  // Only 100-continue is known (RFC 9110, section 10.1.1).
  http.on('checkExpectation', (request, response) => {
    if (pipelines.admit(request, response)) send(response, { status: 417, body: 'Expect: expected 100-continue' })
  })

  http.on('request', (request, response) => {
    onRequestArrived.call(request.socket)
    if (!pipelines.admit(request, response)) return
    const refused = admission.refusalOf(request)
    const answer = () => {
      if (refused && isLeftToProxy(refused, request)) return void request.socket.destroy()
      if (pathOf(request) === '/healthz' && !registry.isClosing) return send(response, { status: 200, body: 'ok' })
      send(response, refused ?? admission.fullness(request) ?? explainUpgrade(request))
    }
    // A page in a browser stays where it is, whatever its query says. Others ask why their query is refused.
    const isQuestion = refused?.reason === 'malformed' || (refused?.reason === 'query' && !wantsHtml(request))
    if (isQuestion) answer()
    else page(request, response, answer)
  })

  const upgrade = (request: IncomingMessage, socket: Socket, head: Buffer) => {
    const decision = admission.admit(request, socket)
    if ('status' in decision) return void refuse(request, socket, decision)
    const wait = decision.faults?.['handshake-delay']
    if (!wait) return void open(request, socket, head, decision)
    delayHandshake(socket, head, wait, registry, {
      cost: costOfRequest(request),
      proceed: head => open(request, socket, head, decision),
      giveUp: problem => logger.info({ address: decision.peer.address, problem }, 'Gave the handshake up'),
    })
  }

  http.on('upgrade', (request: IncomingMessage, socket: Socket, head) => {
    socket.on('error', destroy)
    onRequestArrived.call(socket)
    pipelines.afterwards(socket, () => upgrade(request, socket, head))
  })

  return {
    listen: () => listen(http, logger, options.port, options.host),

    /**
     * Stops accepting, closes every WebSocket with 1001 (RFC 6455, section 7.4.1), and resolves when all are gone,
     * which those that don't answer are after `shutdownTimeout`.
     */
    async close(): Promise<void> {
      registry.isClosing = true
      const httpClosed = new Promise(resolve => http.close(resolve))
      for (const late of registry.delayed) late.shed()
      for (const connection of registry) connection.goAway()
      if (registry.size === 0) emptied.resolve()
      const isEmpty = await settlesWithin(emptied.promise, options.shutdownTimeout)
      for (const connection of registry) connection.destroy()
      if (!isEmpty) await settlesWithin(emptied.promise, DESTROY_TIMEOUT)
      heartbeat.stop()
      http.closeAllConnections()
      await settlesWithin(httpClosed, DESTROY_TIMEOUT)
    },
  }
}

/** Resolves with the bound address. @throws the system's error, such as `EADDRINUSE` */
export async function listen(http: Server, logger: Logger, port?: number, host?: string): Promise<AddressInfo> {
  http.listen(port, host)
  await once(http, 'listening')
  // Without a listener, a failed accept (out of file descriptors, say) would end the process.
  http.on('error', error => logger.error(error.message))
  return http.address() as AddressInfo
}

// One for all sockets: a closure would keep the request of each.
function destroy(this: Socket): void {
  this.destroy()
}

/** Waits for something to happen, but no longer than this many milliseconds. @returns whether it has happened */
async function settlesWithin(happened: Promise<unknown>, milliseconds: number): Promise<boolean> {
  const { promise: late, resolve } = Promise.withResolvers<boolean>()
  const timer = setTimeout(resolve, milliseconds, false)
  const outcome = await Promise.race([happened.then(() => true), late])
  clearTimeout(timer)
  return outcome
}

/** A proxy that knows of other replicas tries the next one when it gets no answer at all. */
const isLeftToProxy = (refused: Answer, { headers }: IncomingMessage) =>
  refused.canRetryElsewhere === true && Boolean(headers['x-next-replica'])

/** Answers a handshake, whose socket the HTTP server has already let go of. */
function refuse(request: IncomingMessage, socket: Socket, refused: Answer): void {
  if (isLeftToProxy(refused, request)) return void socket.destroy()
  const response = new ServerResponse(request)
  response.shouldKeepAlive = false
  response.assignSocket(socket)
  response.on('finish', () => socket.destroySoon())
  send(response, refused)
}
