import { once } from 'node:events'
import { createServer as createHttpServer, type IncomingMessage, type Server, ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { createEcho, verbatim } from '../answerers/echo.ts'
import { type Link, type Outlet, PlainBehaviour } from '../connection/behaviour.ts'
import { Connection, type Peer } from '../connection/connection.ts'
import { createHeartbeat } from '../connection/heartbeat.ts'
import type { Session } from '../connection/session.ts'
import { after, delayHandshake, type Wait } from '../faults/handshake.ts'
import { describeHandshake } from '../faults/hello.ts'
import { Misbehaviour } from '../faults/misbehaviour.ts'
import { handshakeDelay } from '../faults/parameters/handshake-delay.ts'
import { hello } from '../faults/parameters/hello.ts'
import { type Logger, printable } from '../log.ts'
import { ReplyBuffers } from '../wire/fast-path.ts'
import { Scheduler } from '../wire/scheduler.ts'
import { type AdmissionOptions, type Admitted, createAdmission } from './admission.ts'
import { type Answer, missingUpgrade, problemOf, send, upgradeRequired } from './answer.ts'
import { switchingProtocols } from './handshake.ts'
import { createPipelines } from './pipelines.ts'
import type { Endpoint, Host, Protocol } from './protocol.ts'
import { createRelay } from './relay.ts'
import {
  addressOf,
  costOfRequest,
  hasLostUpgrade,
  isForBackend,
  isHandshake,
  pathOf,
  remoteAddressOf,
  wantsHtml,
  webSocketAddressOf,
} from './request.ts'
import { destroy, KEEP_ALIVE } from './sockets.ts'
import { type Backend, createUpstream, passOn } from './upstream.ts'

/** Serves the files of the page. Calls `next` if the request asks for none of them. */
export type Page = (request: IncomingMessage, response: ServerResponse, next: () => void) => void

export type ServerOptions = AdmissionOptions & {
  page?: Page | undefined
  /** The protocols besides plain WebSockets. A setting turns them off. */
  sessionProtocols?: readonly Protocol[]
  /** Milliseconds within which a request, such as an opening handshake, must arrive. */
  handshakeTimeout?: number
  /** Milliseconds between the pings of SignalR. Its sessions end when nothing has come for three times as long. */
  signalrPing?: number
}

const HANDSHAKE_TIMEOUT = 10_000

// Connections accepted beyond MAX_CONNECTIONS, just to answer that the server is full.
const SPARE_CONNECTIONS = 64

// Connections that may be without a complete request at a time. Beyond that the server ends the oldest.
const MAX_WITHOUT_REQUEST = 4096

// Milliseconds to wait for destroyed sockets to close.
const DESTROY_TIMEOUT = 500

const noPage: Page = (_request, _response, next) => next()

/** Creates the echo server: WebSockets on every path, and plain answers to plain requests on the same port. */
export function createServer(options: ServerOptions) {
  const { isTrustedProxy, logger, maxConnections, maxPayload, observer, page = noPage, registry } = options
  const { handshakeTimeout: timeout = HANDSHAKE_TIMEOUT } = options
  const admission = createAdmission(options)
  const upstream = options.upstream && createUpstream({ ...options, upstream: options.upstream })
  const heartbeat = createHeartbeat([registry, registry.upstreams], options.heartbeatInterval)
  /** Resolves when the server is shutting down and the last connection is gone. */
  const emptied = Promise.withResolvers<void>()
  const pipelines = createPipelines()
  const scheduler = new Scheduler()
  const prefixed = createEcho(options.replyPrefix)
  const buffers = new ReplyBuffers()
  // Messages on the fast path reach neither the log nor the observer.
  const isFast = options.fastPath && !logger.isLevelEnabled('debug') && !observer?.wantsMessages
  const connectionOptions = {
    ...options,
    observer,
    budget: registry.budget,
    scheduler,
    // Enough for messages of any size in frames of 64 bytes.
    maxFragments: Math.max(16_384, Math.ceil(maxPayload / 64)),
    onGone(session: Session) {
      registry.delete(session)
      registry.upstreams.delete(session)
      if (registry.isClosing && registry.isEmpty) emptied.resolve()
    },
  }
  const relayedOptions = { ...connectionOptions, replied: 'Passed on a message' }
  const upstreamOptions = {
    ...relayedOptions,
    isClient: true,
    side: 'backend' as const,
    observer: observer?.upstream,
  }

  const from = (request: IncomingMessage) => ({
    address: addressOf(request, isTrustedProxy),
    path: printable(pathOf(request)),
  })

  const logAnswer = (request: IncomingMessage, answer: Answer) => {
    const { status, reason } = answer
    if (logger.isLevelEnabled('debug'))
      logger.debug({ ...from(request), status, reason, problem: problemOf(answer) }, 'Answered a plain request')
  }

  const explainUpgrade = (request: IncomingMessage, isUsedUp: boolean) => {
    const details = { ...from(request), status: 426 }
    if (hasLostUpgrade(request)) {
      logger.info({ ...details, problem: missingUpgrade(request) }, 'Answered a handshake as a plain request')
    } else {
      logger.debug(details, 'Answered a plain request')
    }
    const usedUp = isUsedUp && 'The faults of this query are used up.\n\n'
    const relayed = isForBackend(request) && upstream?.note
    return upgradeRequired(request, webSocketAddressOf(request, isTrustedProxy), usedUp || relayed || '')
  }

  const describeHello = (id: number, request: IncomingMessage, peer: Peer, backend?: Backend) => {
    const remoteAddress = remoteAddressOf(request)
    return describeHandshake(id, request, remoteAddress, isTrustedProxy(remoteAddress, 0), peer, backend?.address)
  }

  const open = (request: IncomingMessage, socket: Socket, head: Buffer, admitted: Admitted, backend?: Backend) => {
    if (!socket.readable || !socket.writable || backend?.socket.readable === false) {
      backend?.socket.destroy()
      return void socket.destroy()
    }
    const { faults, peer } = admitted
    // The headers of a backend may have any byte.
    socket.write(switchingProtocols(admitted), 'latin1')
    const id = ++registry.lastId
    const { answer, leadOf } = backend || pathOf(request) === '/raw' ? verbatim : prefixed
    const up = faults?.up
    const relay = backend || up ? createRelay(up, scheduler) : undefined
    const createPipe = (outlet: Outlet) => {
      if (!faults) return new PlainBehaviour(outlet, answer)
      const description = faults.get(hello) && describeHello(id, request, peer, backend)
      return new Misbehaviour(outlet, { faults, answer, hello: description, scheduler })
    }
    const createBehaviour = (link: Link) => relay?.toClient(link, createPipe(link), !backend) ?? createPipe(link)
    const fastPath = isFast && !faults && !relay ? { leadOf, maxPayload, buffers } : undefined
    const opening = { ...admitted, id, socket, head, createBehaviour, fastPath }
    const connection = new Connection(opening, backend ? relayedOptions : connectionOptions)
    registry.add(connection)
    heartbeat.start(connection)
    if (!backend || !relay) return
    const peerOn = { ...backend.peer, testId: peer.testId }
    const openingOn = { ...backend, peer: peerOn, id, createBehaviour: relay.toBackend }
    const connectionOn = new Connection(openingOn, upstreamOptions)
    connection.join(connectionOn)
    registry.upstreams.add(connectionOn)
    heartbeat.start(connectionOn)
  }

  const host: Host = {
    ...connectionOptions,
    answer: prefixed.answer,
    registry,
    admit: admission.admitSession,
    yieldPlace: admission.yieldPlace,
    describeHello,
    add(session) {
      registry.add(session)
      heartbeat.start(session)
    },
    refuse(request, target, refused) {
      if (target instanceof ServerResponse) answerPlainly(request, target, refused)
      else refuse(request, target, refused)
    },
  }
  // With a backend their paths are the backend's, too.
  const protocols = options.protocols && !upstream ? (options.sessionProtocols ?? []) : []
  const protocolOf = (request: IncomingMessage) => protocols.find(({ matches }) => matches(request))
  const endpoints = new Map<Protocol, Promise<Endpoint>>()

  /** Loads the protocol on its first request. */
  const serveBy = (protocol: Protocol, socket: Socket, serve: (endpoint: Endpoint) => void) => {
    const loading = endpoints.get(protocol) ?? protocol.load().then(create => create(host))
    endpoints.set(protocol, loading)
    loading.catch(() => endpoints.delete(protocol))
    loading
      .then(endpoint => socket.destroyed || serve(endpoint))
      .catch((error: Error) => {
        logger.error(error.message)
        socket.destroy()
      })
  }

  const http = createHttpServer({
    requestTimeout: timeout,
    connectionsCheckingInterval: timeout / 10,
    keepAlive: true,
    keepAliveInitialDelay: KEEP_ALIVE,
    // Other upgrades are ignored.
    shouldUpgradeCallback: isHandshake,
    // Otherwise Node.js would answer such requests itself, bypassing the limit on pipelined requests.
    requireHostHeader: false,
  })

  /** Sockets without a complete first request, oldest first. The memory of its headers cannot be counted. */
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

  // No expectation other than 100-continue exists (RFC 9110, section 10.1.1).
  http.on('checkExpectation', (request, response) => {
    if (pipelines.admit(request, response))
      send(response, { status: 417, body: 'Expect: only 100-continue is supported' })
  })

  http.on('request', (request, response) => {
    onRequestArrived.call(request.socket)
    const protocol = protocolOf(request)
    if (!pipelines.admit(request, response, protocol !== undefined)) return
    if (protocol) return void serveBy(protocol, request.socket, endpoint => endpoint.request(request, response))
    const { refused, isUsedUp } = admission.preview(request)
    const answer = () => {
      if (refused && isLeftToProxy(refused, request)) return void request.socket.destroy()
      if (pathOf(request) === '/healthz' && !registry.isClosing) return send(response, { status: 200, body: 'ok' })
      const problem = refused ?? admission.fullness(request)
      if (problem) logAnswer(request, problem)
      send(response, problem ?? explainUpgrade(request, isUsedUp))
    }
    // A browser still gets the page if its query is invalid. Other clients learn what is wrong with the query.
    const isQuestion = refused?.reason === 'malformed' || (refused?.reason === 'query' && !wantsHtml(request))
    if (isQuestion) answer()
    else page(request, response, answer)
  })

  /** @param answer the backend's, if there is a backend */
  const decide = (request: IncomingMessage, socket: Socket, head: Buffer, answer?: Backend | Answer) => {
    const decision = admission.admit(request, socket, answer)
    const backend = answer && 'socket' in answer ? answer : undefined
    if ('status' in decision) {
      if (answer && answer !== decision) ('socket' in answer ? answer.socket : answer.relayed)?.destroy()
      refuse(request, socket, decision)
      return
    }
    const wait = decision.faults?.get(handshakeDelay)
    if (!wait) return void open(request, socket, head, decision, backend)
    const proceed = (head: Buffer) => open(request, socket, head, decision, backend)
    hold(request, socket, head, after(wait), proceed, () => backend?.socket.destroy())
  }

  /** @param onGivenUp called if the peer leaves, or the server gives up */
  const hold = <T>(
    request: IncomingMessage,
    socket: Socket,
    head: Buffer,
    wait: Wait<T>,
    proceed: (head: Buffer, outcome: T) => void,
    onGivenUp = () => {},
  ) =>
    delayHandshake(socket, head, wait, registry, {
      cost: costOfRequest(request),
      proceed,
      giveUp(problem) {
        logger.info({ ...from(request), problem }, 'Gave up the handshake')
        onGivenUp()
      },
    })

  const upgrade = (request: IncomingMessage, socket: Socket, head: Buffer) => {
    const protocol = protocolOf(request)
    if (protocol) return serveBy(protocol, socket, endpoint => endpoint.upgrade(request, socket, head))
    if (!upstream || !isForBackend(request) || !admission.mayAccept(request)) return void decide(request, socket, head)
    const wait: Wait<Backend | Answer> = proceed => upstream.connect(request, proceed)
    return void hold(request, socket, head, wait, (head, answer) => decide(request, socket, head, answer))
  }

  http.on('upgrade', (request: IncomingMessage, socket: Socket, head) => {
    socket.on('error', destroy)
    onRequestArrived.call(socket)
    pipelines.afterwards(socket, () => upgrade(request, socket, head))
  })

  return {
    listen: () => listen(http, logger, options.port, options.host),

    /**
     * Stops accepting connections and closes every WebSocket with 1001 (RFC 6455, section 7.4.1). Resolves when all are
     * gone. Those that don't answer are destroyed after `shutdownTimeout`.
     */
    async close(): Promise<void> {
      registry.isClosing = true
      const httpClosed = new Promise(resolve => http.close(resolve))
      for (const late of registry.delayed) late.shed()
      for (const connection of registry) connection.goAway()
      if (registry.isEmpty) emptied.resolve()
      const isEmpty = await settlesWithin(emptied.promise, options.shutdownTimeout)
      for (const connection of [...registry, ...registry.upstreams]) connection.destroy()
      if (!isEmpty) await settlesWithin(emptied.promise, DESTROY_TIMEOUT)
      heartbeat.stop()
      http.closeAllConnections()
      await settlesWithin(httpClosed, DESTROY_TIMEOUT)
    },
  }
}

/** Resolves with the bound address. @throws the operating system's error, such as `EADDRINUSE` */
export async function listen(http: Server, logger: Logger, port?: number, host?: string): Promise<AddressInfo> {
  http.listen(port, host)
  await once(http, 'listening')
  // Without a listener, a failed accept would end the process, for example when it runs out of file descriptors.
  http.on('error', error => logger.error(error.message))
  return http.address() as AddressInfo
}

/** Waits for a promise, but no longer than this many milliseconds. @returns whether it resolved in time */
async function settlesWithin(happened: Promise<unknown>, milliseconds: number): Promise<boolean> {
  const { promise: late, resolve } = Promise.withResolvers<boolean>()
  const timer = setTimeout(resolve, milliseconds, false)
  const outcome = await Promise.race([happened.then(() => true), late])
  clearTimeout(timer)
  return outcome
}

/** If the server answers nothing, a proxy that has other replicas tries the next one. */
const isLeftToProxy = (refused: Answer, { headers }: IncomingMessage) =>
  refused.canRetryElsewhere === true && Boolean(headers['x-next-replica'])

/** Answers a refused request. */
function answerPlainly(request: IncomingMessage, response: ServerResponse, refused: Answer): void {
  if (isLeftToProxy(refused, request)) request.socket.destroy()
  else send(response, refused)
}

/** Answers a refused handshake. The HTTP server has already released its socket. */
function refuse(request: IncomingMessage, socket: Socket, refused: Answer): void {
  if (isLeftToProxy(refused, request)) return void socket.destroy()
  const response = new ServerResponse(request)
  response.shouldKeepAlive = false
  response.assignSocket(socket)
  response.on('finish', () => socket.destroySoon())
  if (refused.relayed) passOn(refused.relayed, response)
  else send(response, refused)
}
