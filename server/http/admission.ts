import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import type { Config } from '../config/config.ts'
import type { Peer } from '../connection/connection.ts'
import type { Observer } from '../connection/observer.ts'
import { refusalOf, applyHandshakeFault } from '../faults/handshake.ts'
import { type Faults, FaultsError, parseFaults } from '../faults/parameters.ts'
import { type Logger, printable } from '../log.ts'
import type { Answer } from './answer.ts'
import { type Agreement, agree } from './handshake.ts'
import type { Registry } from './registry.ts'
import { addressOf, hostsOf, pathOf, queryOf } from './request.ts'

export type Admitted = Agreement & { peer: Peer; faults: Faults | undefined }

export type AdmissionOptions = Config & { registry: Registry; logger: Logger; observer?: Observer | undefined }

/** Decides who may connect. */
export function createAdmission(options: AdmissionOptions) {
  const { allowedOrigins, isTrustedProxy, logger, observer, registry } = options
  const { maxConnections, maxConnectionsPerIp = Number.POSITIVE_INFINITY } = options
  /** Sockets that have a place, whatever they were opened for, and those that came when there was none. */
  let places = 0
  const placeless = new WeakSet<Socket>()
  /** Only counted where that is limited. */
  const placesOf = new Map<string, number>()

  const leave = () => places--

  /** @returns whether there is a place; the socket has it until it is closed */
  const takePlace = (socket: Socket) => {
    if (places >= maxConnections) return false
    places++
    placeless.delete(socket)
    // One for all: a closure would add to each idle connection.
    socket.on('close', leave)
    return true
  }

  /** Why there is no room for one more connection, if there is none. */
  const fullness = (request: IncomingMessage): Answer | undefined => {
    const full: Answer = { reason: 'full', status: 503, headers: { 'Retry-After': '1' }, body: 'The server is full' }
    if (placeless.has(request.socket) && !takePlace(request.socket)) return { ...full, canRetryElsewhere: true }
    const ofAddress = placesOf.get(addressOf(request, isTrustedProxy)) ?? 0
    return ofAddress < maxConnectionsPerIp ? undefined : { ...full, body: 'Too many connections from this address' }
  }

  /** @param accept decides, when nothing speaks against it so far */
  const decide = <T>(
    request: IncomingMessage,
    room: Answer | undefined,
    accept: (parsed: ReturnType<typeof parseFaults>) => T,
  ): T | Answer => {
    const { origin } = request.headers
    // RFC 9112, section 3.2: a proxy on the way may have meant the other one.
    const hosts = hostsOf(request)
    if (hosts > 1) return { reason: 'malformed', status: 400, body: 'Host: expected it only once' }
    if (hosts === 0 && request.httpVersion === '1.1')
      return { reason: 'malformed', status: 400, body: 'Host: expected it' }
    if (registry.isClosing) {
      return { reason: 'closing', status: 503, body: 'The server is shutting down', canRetryElsewhere: true }
    }
    if (allowedOrigins && origin !== undefined && !allowedOrigins.has(origin)) {
      return { reason: 'origin', status: 403, body: `The origin ${printable(origin)} is not allowed` }
    }
    if (room) return room
    try {
      return accept(options.faults ? parseFaults(queryOf(request), registry.defaultFaults) : parseFaults(''))
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
    /** Gives a socket its place, if there is one. */
    arrive(socket: Socket): void {
      if (!takePlace(socket)) placeless.add(socket)
    },

    fullness,

    /** Why a handshake with this target and these headers would be refused, unless it is for want of room. */
    refusalOf: (request: IncomingMessage): Answer | undefined =>
      decide(request, undefined, ({ faults }) => faults && refusalOf(faults, request)),

    /** Decides on a handshake, and logs and counts it if it is refused. */
    admit(request: IncomingMessage, socket: Socket): Admitted | Answer {
      const address = addressOf(request, isTrustedProxy)
      const decision = decide(request, fullness(request), ({ faults, mentionsFaults, names }): Admitted | Answer => {
        const refused = faults && refusalOf(faults, request)
        const agreement = refused ?? agree(request, faults?.subprotocol)
        if ('status' in agreement) return agreement
        const { headers } = agreement
        if (faults) applyHandshakeFault(headers, faults, request)
        const peer: Peer = {
          address,
          path: pathOf(request),
          query: queryOf(request),
          subprotocol: headers.get('Sec-WebSocket-Protocol'),
          extensions: headers.get('Sec-WebSocket-Extensions'),
          faults: faults && (mentionsFaults ? queryOf(request) : 'by default'),
          ignored: mentionsFaults ? undefined : names.join(', ') || undefined,
        }
        return { ...agreement, peer, faults }
      })
      if (!('status' in decision)) {
        countAddress(address, socket)
        return decision
      }
      const { reason, status, body } = decision
      const problem = printable(body.replaceAll('\n', '; '))
      logger.info({ address, path: printable(pathOf(request)), status, reason, problem }, 'Refused a handshake')
      if (reason) observer?.refused(reason)
      return decision
    },
  }
}
