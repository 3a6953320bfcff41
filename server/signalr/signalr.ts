import { randomUUID } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Endpoint, Host } from '../http/protocol.ts'
import { pathOf, queryOf } from '../http/request.ts'
import { Channel, negotiate as negotiateWebSocket } from '../protocols/channel.ts'
import { allowPages } from '../protocols/cors.ts'
import { termsOf } from '../protocols/terms.ts'
import { answer, createHttpTransport, type HttpTransport } from './http.ts'
import { openSession } from './session.ts'

// Negotiated sessions that can wait for their transport. Beyond that the oldest is forgotten.
const MAX_NEGOTIATED = 4096

// The faults that are left out send texts, which are no records.
const OWN = termsOf('SignalR', 'id', '_', 'negotiateVersion', 'useStatefulReconnect', 'access_token')
const TERMS = { ...OWN, supported: OWN.supported.filter(name => !['hello', 'message', 'tick'].includes(name)) }

const NO_ID = { status: 400, body: 'id: expected the connectionToken that POST /signalr/negotiate returns' }
const NO_SESSION = { status: 404, body: 'id: there is no such session' }

const parameterOf = (request: IncomingMessage, name: string) => new URLSearchParams(queryOf(request)).get(name)

/** Serves SignalR's JSON hub protocol over WebSockets, server-sent events and long polling. */
export function createSignalR(host: Host): Endpoint {
  /** The tokens of sessions that have no transport yet, oldest first. */
  const negotiated = new Set<string>()
  const transports = new Map<string, HttpTransport>()

  const negotiate = (request: IncomingMessage, response: ServerResponse) => {
    if (request.method !== 'POST') return answer(response, 405)
    // The session takes a place when its transport arrives.
    const admitted = host.admit(request, { ...TERMS, opensLater: true })
    if ('status' in admitted) return host.refuse(request, response, admitted)
    admitted.leave()
    const token = randomUUID()
    const [oldest = ''] = negotiated.add(token)
    if (negotiated.size > MAX_NEGOTIATED) negotiated.delete(oldest)
    const version = Number(parameterOf(request, 'negotiateVersion')) >= 1 ? 1 : 0
    const ids = version === 1 ? { connectionId: randomUUID(), connectionToken: token } : { connectionId: token }
    const names = ['WebSockets', 'ServerSentEvents', 'LongPolling']
    const availableTransports = names.map(transport => ({ transport, transferFormats: ['Text'] }))
    // NGINX learns from the header which replica has the session.
    response.writeHead(200, { 'Content-Type': 'application/json', 'Cache-Control': 'no-store', 'X-Session': token })
    response.end(JSON.stringify({ negotiateVersion: version, ...ids, availableTransports }))
  }

  const open = (request: IncomingMessage, response: ServerResponse, token: string) => {
    const admitted = host.admit(request, TERMS)
    if ('status' in admitted) return host.refuse(request, response, admitted)
    const isStream = request.headers.accept?.includes('text/event-stream') === true
    // The first poll only asks whether the session exists.
    if (!isStream) answer(response, 200)
    openSession(host, request, admitted, events => {
      const onGone = (code: number, reason: string) => {
        transports.delete(token)
        events.onGone(code, reason)
      }
      const transport = createHttpTransport(host, { ...events, onGone }, isStream ? response : undefined)
      transports.set(token, transport)
      return transport
    })
  }

  return {
    request(request, response) {
      if (allowPages(request, response, host)) return
      const token = parameterOf(request, 'id') ?? ''
      const transport = transports.get(token)
      if (pathOf(request) === '/signalr/negotiate') negotiate(request, response)
      else if (transport) {
        host.yieldPlace(request.socket)
        transport.serve(request, response)
      } else if (request.method === 'GET' && negotiated.delete(token)) open(request, response, token)
      else host.refuse(request, response, token === '' ? NO_ID : NO_SESSION)
    },

    upgrade(request, socket, head) {
      const token = parameterOf(request, 'id')
      const isKnown = token === null || negotiated.delete(token)
      const admitted = host.admit(request, TERMS, isKnown ? negotiateWebSocket(request) : NO_SESSION)
      if ('status' in admitted) return host.refuse(request, socket, admitted)
      openSession(host, request, admitted, events => new Channel(socket, head, admitted, host, events))
    },
  }
}
