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
import { FaultsError } from '../faults/parameters.ts'
import type { Choice } from '../faults/plan.ts'
import { type Logger, printable } from '../log.ts'
import { type Answer, problemOf } from './answer.ts'
import { type Agreement, agree } from './handshake.ts'
import type { Registry } from './registry.ts'
import { addressOf, hostsOf, pathOf, queryOf, testIdOf } from './request.ts'

export type Admitted = Agreement & { peer: Peer; faults: Faults | undefined }

export type AdmissionOptions = Config & { registry: Registry; logger: Logger; observer?: Observer | undefined }

/** Creates the part of the server that decides which handshakes to accept. */
export function createAdmission(options: AdmissionOptions) {
  const { allowedOrigins, isTrustedProxy, logger, observer, registry } = options
  const { maxConnections, maxConnectionsPerIp = Number.POSITIVE_INFINITY } = options
  /** The number of sockets that count towards MAX_CONNECTIONS, and the sockets that arrived when it was reached. */
  let places = 0
  const placeless = new WeakSet<Socket>()
  /** Connections per address. Only counted if they are limited. */
  const placesOf = new Map<string, number>()

  const leave = () => places--

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
    if (placeless.has(request.socket) && !takePlace(request.socket)) return { ...full, canRetryElsewhere: true }
    const ofAddress = placesOf.get(addressOf(request, isTrustedProxy)) ?? 0
    return ofAddress < maxConnectionsPerIp ? undefined : { ...full, body: 'Too many connections from this address' }
  }

  /** @param accept makes the decision if there is no other reason to refuse */
  const decide = <T>(request: IncomingMessage, room: Answer | undefined, accept: (choice: Choice) => T): T | Answer => {
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
      return accept(registry.plan.choose(queryOf(request), testIdOf(request), addressOf(request, isTrustedProxy)))
    } catch (error) {
      if (error instanceof FaultsError) return { reason: 'query', status: 400, body: error.message }
      throw error
    }
  }

  const countAddress = (address: string, socket: Socket) => {
    if (maxConnectionsPerIp === Number.POSITIVE_INFINITY) return
    placesOf.set(address, (placesOf.get(address) ?? 0) + 1)
    socket.on('close', () => {
      const left = (placesOf.get(address) ?? 0) - 1
      if (left > 0) placesOf.set(address, left)
      else placesOf.delete(address)
    })
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
    preview(request: IncomingMessage): { refused: Answer | undefined; isUsedUp: boolean } {
      const decision = decide(request, undefined, ({ faults, isUsedUp }) => ({
        refused: faults && answerOf(faults, request)?.answer,
        isUsedUp,
      }))
      return 'status' in decision ? { refused: decision, isUsedUp: false } : decision
    },

    /** Accepts or refuses a handshake. Logs and counts a refusal. */
    admit(request: IncomingMessage, socket: Socket): Admitted | Answer {
      const address = addressOf(request, isTrustedProxy)
      const decision = decide(request, fullness(request), (choice): Admitted | Answer => {
        const { faults, mentionsFaults, names, testId, isUsedUp } = choice
        const record = ({ name }: { name: string }) =>
          observer?.triggered({ connection: undefined, address, testId, name, text: faults?.textOf({ name }) ?? name })
        const answered = faults && answerOf(faults, request)
        if (answered?.answer.reason === 'asked') {
          choice.use()
          record(answered.parameter)
        }
        const agreement = answered?.answer ?? agree(request, faults?.get(subprotocol), faults?.get(compress))
        if ('status' in agreement) return agreement
        choice.use()
        if (faults) amendResponse(faults, agreement, request)
        if (faults?.get(handshakeDelay)) record(handshakeDelay)
        const { headers } = agreement
        const peer: Peer = {
          address,
          path: pathOf(request),
          query: queryOf(request),
          subprotocol: headers.get('Sec-WebSocket-Protocol'),
          extensions: headers.get('Sec-WebSocket-Extensions'),
          faults: faults && (mentionsFaults && !isUsedUp ? queryOf(request) : 'by default'),
          ignored: mentionsFaults ? undefined : names.join(', ') || undefined,
          usedUp: isUsedUp ? queryOf(request) : undefined,
          testId,
        }
        return { ...agreement, peer, faults }
      })
      if (!('status' in decision)) {
        countAddress(address, socket)
        return decision
      }
      const { reason, status } = decision
      const problem = problemOf(decision)
      logger.info({ address, path: printable(pathOf(request)), status, reason, problem }, 'Refused a handshake')
      if (reason) observer?.refused(reason)
      return decision
    },
  }
}
