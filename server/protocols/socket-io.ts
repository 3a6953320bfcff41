import { randomBytes } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket as TcpSocket } from 'node:net'
import { Server as Engine, type Socket as EngineSocket } from 'engine.io'
import { Server, type Socket } from 'socket.io'
import { Encoder } from 'socket.io-parser'
import type { AdmittedSession } from '../http/admission.ts'
import type { Answer } from '../http/answer.ts'
import type { Agreement } from '../http/handshake.ts'
import type { Endpoint, Host } from '../http/protocol.ts'
import { queryOf } from '../http/request.ts'
import { Channel, negotiate } from './channel.ts'
import { allowPages } from './cors.ts'
import { createDecoder } from './socket-io/decoder.ts'
import { SocketIoSession } from './socket-io/session.ts'
import { createWebSocket, type EngineWebSocket } from './socket-io/web-socket.ts'
import { termsOf } from './terms.ts'

// The longest name of a namespace, in characters.
const MAX_NAME = 256

// The largest message and the most that waits for a client, in bytes, whatever the settings say. Engine.IO joins all that
// waits for a poll in one string, with ten attachments in base64 twice, and a string cannot be longer than 512 MiB.
const MAX_SIZE = 2 ** 24

// Two of these milliseconds, which a client adds up, still fit a timer.
const NEVER = 2 ** 30 - 1

const TERMS = termsOf('Socket.IO', 'EIO', 'transport', 'sid', 't', 'b64')

// The parameters that Engine.IO may read. With `j`, it would answer with a script.
const ENGINE_PARAMETERS = ['EIO', 'transport', 'sid', 'b64']

type EngineRequest = Parameters<Engine['handleRequest']>[0]

/** A request that opens a session, and what it has opened so far. */
type Opening = {
  sid: string
  admitted: AdmittedSession
  webSocket: EngineWebSocket | undefined
  session: SocketIoSession | undefined
}

/** Serves Socket.IO: the echo as events, in every namespace. */
export function createSocketIo(server: Host): Endpoint {
  const maxPayload = Math.min(server.maxPayload, MAX_SIZE)
  const host: Host = { ...server, maxPayload, highWaterMark: Math.min(server.highWaterMark, MAX_SIZE) }
  const { heartbeatInterval } = host
  /** The open sessions by their id in Engine.IO. */
  const sessions = new Map<string, SocketIoSession>()
  const openings = new WeakMap<IncomingMessage, Opening>()
  const agreements = new WeakMap<IncomingMessage, Agreement>()

  const sessionOf = (query: URLSearchParams) => sessions.get(query.get('sid') ?? '')

  /** What Engine.IO needs of a WebSocketServer of ws. It creates one with `new`. */
  function WebSockets() {
    return {
      on() {},
      close() {},
      handleUpgrade(request: IncomingMessage, socket: TcpSocket, head: Buffer, done: (socket: unknown) => void) {
        const agreement = agreements.get(request)
        if (agreement) done(openWebSocket(request, socket, head, agreement).socket)
      },
    }
  }

  const openWebSocket = (request: IncomingMessage, socket: TcpSocket, head: Buffer, agreement: Agreement) => {
    const opening = openings.get(request)
    const existing = sessionOf(parametersOf(request))
    const owner = () => existing ?? opening?.session
    const webSocket: EngineWebSocket = createWebSocket(
      events =>
        new Channel(socket, head, agreement, host, {
          onMessage: events.onMessage,
          onFailure: problem => owner()?.onFailure(problem),
          onGone(code, reason) {
            owner()?.onGone(webSocket, code, reason)
            events.onGone(code, reason)
          },
        }),
    )
    existing?.offer(webSocket)
    if (opening) opening.webSocket = webSocket
    return webSocket
  }

  const engine = new Engine({
    wsEngine: WebSockets,
    pingInterval: heartbeatInterval || NEVER,
    pingTimeout: heartbeatInterval || NEVER,
    maxHttpBufferSize: maxPayload,
    httpCompression: false,
  })
  const newId = () => randomBytes(15).toString('base64url')
  engine.generateId = request => openings.get(request)?.sid ?? newId()
  // By this header a proxy learns which server has the session.
  engine.on('initial_headers', (headers: Record<string, string>, request: IncomingMessage) => {
    headers['X-Session'] = openings.get(request)?.sid ?? ''
  })
  engine.on('connection_error', ({ req }: { req: IncomingMessage }) => openings.get(req)?.admitted.leave())
  engine.on('connection', (conn: EngineSocket) => {
    const opening = openings.get(conn.request)
    if (!opening) return void conn.close(true)
    const { sid, admitted, webSocket } = opening
    opening.session = new SocketIoSession(conn, conn.request, admitted, webSocket, host)
    sessions.set(sid, opening.session)
    conn.once('close', () => sessions.delete(sid))
  })

  const parser = { Encoder, Decoder: createDecoder }
  const io = new Server({ parser, serveClient: false, cleanupEmptyChildNamespaces: true })
  const onJoin = (socket: Socket) => openings.get(socket.request)?.session?.namespaces.join(socket)
  io.on('connection', onJoin)
  io.of((name, _auth, next) => next(null, name.length <= MAX_NAME)).on('connection', onJoin)
  io.bind(engine)

  /** Engine.IO would parse the target itself, and throws if it is no URL. */
  const prepare = (request: IncomingMessage, query: URLSearchParams) => {
    const parameters = ENGINE_PARAMETERS.flatMap(name => (query.has(name) ? [[name, query.get(name)]] : []))
    return Object.assign(request, { _query: Object.fromEntries(parameters) }) as unknown as EngineRequest
  }

  /** @returns the refusal, if there is one */
  const admit = (request: IncomingMessage, problem: Answer | undefined) => {
    const admitted = host.admit(request, TERMS, problem)
    if ('status' in admitted) return admitted
    openings.set(request, { sid: newId(), admitted, webSocket: undefined, session: undefined })
    return undefined
  }

  return {
    request(request, response) {
      if (allowPages(request, response, host)) return
      const query = parametersOf(request)
      const session = sessionOf(query)
      let refused = problemOf(request, query, 'polling')
      if (!query.get('sid')) refused = admit(request, refused)
      if (session?.hasWebSocket) refused ??= { status: 400, body: 'The session uses a WebSocket' }
      if (refused) return void host.refuse(request, response, refused)
      if (session) host.yieldPlace(request.socket)
      if (session && request.method === 'POST') return session.polling.post(request, response)
      const answer = (session?.polling.responseFor(response) ?? response) as ServerResponse
      engine.handleRequest(prepare(request, query), answer)
    },

    upgrade(request, socket, head) {
      const query = parametersOf(request)
      const session = sessionOf(query)
      const agreement = negotiate(request)
      let refused = problemOf(request, query, 'websocket')
      if ('status' in agreement) refused ??= agreement
      else agreements.set(request, agreement)
      if (!query.get('sid')) refused = admit(request, refused)
      if (session?.canMove === false) refused ??= { status: 400, body: 'The session has a WebSocket' }
      if (refused) return void host.refuse(request, socket, refused)
      if (session) host.yieldPlace(socket)
      engine.handleUpgrade(prepare(request, query), socket, head)
    },
  }
}

const parametersOf = (request: IncomingMessage) => new URLSearchParams(queryOf(request))

/** Returns the refusal of a request that is wrong whether its session exists or not. */
function problemOf({ method = '' }: IncomingMessage, query: URLSearchParams, transport: string): Answer | undefined {
  const malformed = (body: string, status = 400, headers = {}): Answer => ({
    reason: 'malformed',
    status,
    headers,
    body,
  })
  if (query.get('EIO') !== '4') return malformed('EIO: expected 4, which clients speak since version 3 of Socket.IO')
  if (query.get('transport') !== transport) return malformed(`transport: expected ${transport} for such a request`)
  const methods = query.get('sid') ? ['GET', 'POST'] : ['GET']
  if (methods.includes(method)) return undefined
  return malformed(`expected ${methods.join(' or ')}`, 405, { Allow: methods.join(', ') })
}
