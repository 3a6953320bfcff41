import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import type { Config } from '../config/config.ts'
import type { Peer } from '../connection/connection.ts'
import type { Observer } from '../connection/observer.ts'
import type { Faults } from '../faults/faults.ts'
import { amendResponse, answerOf } from '../faults/handshake.ts'
import { compress } from '../faults/parameters/compress.ts'
import { handshakeDelay } from '../faults/parameters/handshake-delay.ts'
import { subprotocol } from '../faults/parameters/subprotocol.ts'
import { FaultsError, splitQuery } from '../faults/parameters.ts'
import type { Choice } from '../faults/plan.ts'
import { type Logger, printable } from '../log.ts'
import { type Answer, problemOf } from './answer.ts'
import { type Agreement, agree } from './handshake.ts'
import type { Registry } from './registry.ts'
import { addressOf, hostsOf, isForBackend, pathOf, queryOf, testIdOf } from './request.ts'
import type { Backend } from './upstream.ts'

type Accepted = { peer: Peer; faults: Faults | undefined }

export type Admitted = Agreement & Accepted

/** @param leave gives up the place of the session */
export type AdmittedSession = Accepted & { leave: () => void }

/** How a protocol reads the query of a request that opens a session. */
export type SessionTerms = {
  /** Whether another request follows that opens the session. Only that one uses up `times`. */
  opensLater?: boolean
  /** Names in the query that belong to the protocol. */
  ownNames: readonly string[]
  /** The names of the parameters that have a meaning for the protocol. */
  supported: readonly string[]
  /** The protocol as people write it. */
  label: string
}

export type AdmissionOptions = Config & { registry: Registry; logger: Logger; observer?: Observer | undefined }

/** Creates the part of the server that decides which handshakes to accept. */
export function createAdmission(options: AdmissionOptions) {
  const { allowedOrigins, isTrustedProxy, logger, observer, registry, upstream } = options
  const { maxConnections, maxConnectionsPerIp = Number.POSITIVE_INFINITY } = options
  /** The number of sockets that count towards MAX_CONNECTIONS, and the sockets that arrived when it was reached. */
  let places = 0
  const placeless = new WeakSet<Socket>()
  /** Connections per address. Only counted if they are limited. */
  const placesOf = new Map<string, number>()

  const leave = () => places--

  /** Returns the query without the parameters of the backend. */
  const faultsQueryOf = (request: IncomingMessage) =>
    upstream && isForBackend(request) ? splitQuery(queryOf(request)).own : queryOf(request)

  /** @returns whether there was a place. The socket keeps it until it closes. */
  const takePlace = (socket: Socket) => {
    if (places >= maxConnections) return false
    places++
    placeless.delete(socket)
    // One listener for all sockets: a closure would add to the memory of each idle connection.
    socket.on('close', leave)
    return true
  }

  /** Returns a refusal if there is no room for another connection. */
  const fullness = (request: IncomingMessage): Answer | undefined => {
    const full: Answer = { reason: 'full', status: 503, headers: { 'Retry-After': '1' }, body: 'The server is full' }
    // Connections to the backend can outlive those of their clients, but not by any number.
    const hasTooManyLeft = registry.upstreams.size >= 2 * maxConnections
    if (hasTooManyLeft || (placeless.has(request.socket) && !takePlace(request.socket))) {
      return { ...full, canRetryElsewhere: true }
    }
    const ofAddress = placesOf.get(addressOf(request, isTrustedProxy)) ?? 0
    return ofAddress < maxConnectionsPerIp ? undefined : { ...full, body: 'Too many connections from this address' }
  }

  /** @param accept makes the decision if there is no other reason to refuse */
  const decide = <T>(
    request: IncomingMessage,
    query: string,
    room: Answer | undefined,
    accept: (choice: Choice) => T,
  ): T | Answer => {
    const { origin } = request.headers
    // A proxy on the way may have used the other Host (RFC 9112, section 3.2).
    const hosts = hostsOf(request)
    if (hosts > 1) return { reason: 'malformed', status: 400, body: 'Host is given more than once' }
    if (hosts === 0 && request.httpVersion === '1.1') {
      return { reason: 'malformed', status: 400, body: 'Host is missing' }
    }
    if (registry.isClosing) {
      return { reason: 'closing', status: 503, body: 'The server is shutting down', canRetryElsewhere: true }
    }
    if (allowedOrigins && origin !== undefined && !allowedOrigins.has(origin)) {
      return { reason: 'origin', status: 403, body: `The origin ${printable(origin)} is not allowed` }
    }
    if (room) return room
    try {
      return accept(registry.plan.choose(query, testIdOf(request), addressOf(request, isTrustedProxy)))
    } catch (error) {
      if (error instanceof FaultsError) return { reason: 'query', status: 400, body: error.message }
      throw error
    }
  }

  /** @returns how to end the count, if there is one */
  const countAddress = (address: string): (() => void) | undefined => {
    if (maxConnectionsPerIp === Number.POSITIVE_INFINITY) return undefined
    placesOf.set(address, (placesOf.get(address) ?? 0) + 1)
    return () => {
      const left = (placesOf.get(address) ?? 0) - 1
      if (left > 0) placesOf.set(address, left)
      else placesOf.delete(address)
    }
  }

  /** Returns the query without the names that belong to a protocol. */
  const ownQueryOf = (request: IncomingMessage, { ownNames }: SessionTerms) =>
    queryOf(request)
      .split('&')
      .filter(part => !ownNames.includes(part.split('=', 1)[0] ?? ''))
      .join('&')

  /** Returns a refusal if a fault has no meaning for a protocol. */
  const misfitOf = (faults: Faults | undefined, { supported, label }: SessionTerms): Answer | undefined => {
    const names = Array.from(faults ?? [], ({ parameter }) => parameter.name)
    const unfit = names.find(name => !supported.includes(name))
    if (unfit === undefined) return undefined
    const body = `${unfit} does not work with ${label}: expected one of ${supported.join(', ')}`
    return { reason: 'query', status: 400, body }
  }

  /** Takes the place of a socket from it, so that it stays when the socket closes. @returns whether there was one */
  const passOn = (socket: Socket) => {
    if (placeless.has(socket)) return false
    placeless.add(socket)
    socket.off('close', leave)
    return true
  }

  /**
   * Decides, and logs and counts a refusal.
   * @param query of the request, without names that have another meaning
   * @param complete makes the rest of the decision, once no fault has answered the request
   */
  const admit = <T extends Partial<Agreement>>(
    request: IncomingMessage,
    query: string,
    complete: (faults: Faults | undefined) => T | Answer,
    opensLater = false,
  ): (T & Accepted) | Answer => {
    const address = addressOf(request, isTrustedProxy)
    const decision = decide(request, query, fullness(request), (choice): (T & Accepted) | Answer => {
      const { faults, mentionsFaults, names, testId, isUsedUp } = choice
      const record = ({ name }: { name: string }) =>
        observer?.triggered({ connection: undefined, address, testId, name, text: faults?.textOf({ name }) ?? name })
      const answered = faults && answerOf(faults, request)
      if (answered?.answer.reason === 'asked') {
        choice.use()
        record(answered.parameter)
      }
      const result = answered?.answer ?? complete(faults)
      if ('status' in result) return result
      if (!opensLater) choice.use()
      if (faults?.get(handshakeDelay)) record(handshakeDelay)
      const peer: Peer = {
        address,
        path: pathOf(request),
        query: upstream ? queryOf(request) : query,
        subprotocol: result.headers?.get('Sec-WebSocket-Protocol'),
        extensions: result.headers?.get('Sec-WebSocket-Extensions'),
        faults: faults && (mentionsFaults && !isUsedUp ? query : 'by default'),
        ignored: mentionsFaults ? undefined : names.join(', ') || undefined,
        usedUp: isUsedUp ? query : undefined,
        testId,
      }
      return { ...result, peer, faults }
    })
    if (!('status' in decision)) return decision
    const { reason, status } = decision
    const problem = problemOf(decision)
    logger.info({ address, path: printable(pathOf(request)), status, reason, problem }, 'Refused a handshake')
    if (reason) observer?.refused(reason)
    return decision
  }

  /** As if there were room, and without effects. */
  const preview = (request: IncomingMessage): { refused: Answer | undefined; isUsedUp: boolean } => {
    const decision = decide(request, faultsQueryOf(request), undefined, ({ faults, isUsedUp }) => ({
      refused: faults && answerOf(faults, request)?.answer,
      isUsedUp,
    }))
    return 'status' in decision ? { refused: decision, isUsedUp: false } : decision
  }

  return {
    /** Gives a new socket a place if there is one. */
    arrive(socket: Socket): void {
      if (!takePlace(socket)) placeless.add(socket)
    },

    fullness,

    /**
     * Returns the refusal that a handshake with this target and these headers would get, except for lack of room, and
     * whether it would get no faults because their `times` are used up.
     */
    preview,

    /** Returns whether a handshake could be accepted now. */
    mayAccept: (request: IncomingMessage): boolean =>
      !(preview(request).refused ?? fullness(request)) && !('status' in agree(request, undefined)),

    /**
     * Accepts or refuses a handshake. Logs and counts a refusal.
     * @param backend the backend's answer to it, if there is a backend
     */
    admit(request: IncomingMessage, socket: Socket, backend?: Backend | Answer): Admitted | Answer {
      const decision = admit(request, faultsQueryOf(request), faults => {
        if (backend && 'status' in backend) return backend
        const chosen = faults?.get(subprotocol) ?? (backend && (backend.peer.subprotocol ?? ''))
        const agreement = agree(request, chosen, faults?.get(compress))
        if ('status' in agreement) return agreement
        if (backend) agreement.added.push(...backend.headers)
        if (faults) amendResponse(faults, agreement, request)
        return agreement
      })
      if ('status' in decision) return decision
      const uncount = countAddress(decision.peer.address)
      if (uncount) socket.on('close', uncount)
      return decision
    },

    /**
     * Accepts or refuses a request that opens a session. Logs and counts a refusal. The session takes the place of the
     * socket, which can close while the session goes on.
     * @param rest the rest of the decision if nothing else is wrong with the request, such as its own refusal
     */
    admitSession<Rest extends object>(
      request: IncomingMessage,
      terms: SessionTerms,
      rest = {} as Rest | Answer,
    ): (AdmittedSession & Rest) | Answer {
      const query = ownQueryOf(request, terms)
      const decision = admit(request, query, faults => misfitOf(faults, terms) ?? rest, terms.opensLater)
      if ('status' in decision) return decision
      const uncount = countAddress(decision.peer.address)
      passOn(request.socket)
      let isPlaced = true
      return {
        ...decision,
        leave() {
          if (!isPlaced) return
          isPlaced = false
          leave()
          uncount?.()
        },
      }
    },

    /** Gives up the place of a socket that carries requests of a session, which has a place already. */
    yieldPlace(socket: Socket): void {
      if (passOn(socket)) leave()
    },
  }
}
