import { randomBytes } from 'node:crypto'
import { type IncomingMessage, request as requestHttp, type ServerResponse } from 'node:http'
import { isIP, type Socket } from 'node:net'
import { pipeline } from 'node:stream'
import type { Config } from '../config/config.ts'
import type { Peer } from '../connection/connection.ts'
import { type Header, headersOf } from '../faults/headers.ts'
import { offeredBy } from '../faults/offered.ts'
import { splitQuery } from '../faults/parameters.ts'
import { type Deflate, OFFER, readAgreement } from '../wire/deflate.ts'
import type { Answer } from './answer.ts'
import { acceptOf } from './handshake.ts'
import { pathOf, queryOf, remoteAddressOf } from './request.ts'
import { destroy, KEEP_ALIVE } from './sockets.ts'

/** A connection to the backend, whose handshake is complete. */
export type Backend = {
  /** Still has the bytes that arrived after the handshake. */
  socket: Socket
  deflate: Deflate
  /** The value of `UPSTREAM`. */
  address: string
  peer: Peer
  /** The headers of the backend's answer that the client gets, too. */
  headers: Header[]
}

// Milliseconds for a client to read a refusal of the backend.
const REFUSAL_TIMEOUT = 30_000

// Headers that belong to one connection (RFC 9110, section 7.6.1).
const HOP = /^(connection|keep-alive|proxy-connection|te|trailer|transfer-encoding)$/i

// Headers of a handshake that belong to one connection, too, or must not reach a backend.
const HANDSHAKE = /^(upgrade|sec-websocket-.*|content-length|expect|proxy-authorization|x-next-replica)$/i

/** Returns the headers that a proxy passes on, as they were written. */
function endToEnd(message: IncomingMessage): Header[] {
  const named = new Set(message.headers.connection?.toLowerCase().split(/[\s,]+/))
  named.delete('upgrade')
  return headersOf(message).filter(([name]) => !HOP.test(name) && !named.has(name.toLowerCase()))
}

const offersDeflate = ({ headers }: IncomingMessage) =>
  headers['sec-websocket-extensions']?.includes('permessage-deflate') === true

const ofHandshake = (message: IncomingMessage) => endToEnd(message).filter(([name]) => !HANDSHAKE.test(name))

/** Returns the address of a backend as people write it. */
export const addressOfBackend = ({ href }: URL): string => href.replace(/^http/, 'ws').slice(0, -1)

/** Connects WebSockets on to the backend of the operator. */
export function createUpstream(config: Config & { upstream: NonNullable<Config['upstream']> }) {
  const { faults, upstream, upstreamCa, upstreamHost, upstreamOrigin, upstreamTimeout } = config
  const address = addressOfBackend(upstream)
  const hostname = upstream.hostname.replace(/^\[|\]$/g, '')
  const fixed = {
    agent: false as const,
    // A peer that has ended its side may still read.
    allowHalfOpen: true,
    // Otherwise Node.js would take it from the header Host.
    servername: isIP(hostname) ? '' : hostname,
    ca: upstreamCa,
  }
  // The name of this server in Via, by which it knows a handshake that comes back (RFC 9110, section 7.6.3).
  const pseudonym = `echo-${randomBytes(6).toString('hex')}`

  const headersFor = (request: IncomingMessage): Header[] => {
    const { headers } = request
    const { host = '', origin, 'x-forwarded-for': forwardedFor, 'sec-websocket-protocol': subprotocols } = headers
    const set: Record<string, string | undefined> = {
      Host: upstreamHost ?? host,
      Origin: upstreamOrigin ?? origin,
      Via: [headers.via ?? [], `1.1 ${pseudonym}`].flat().join(', '),
      'X-Forwarded-For': [forwardedFor ?? [], remoteAddressOf(request)].flat().join(', '),
      'X-Forwarded-Proto': headers['x-forwarded-proto']?.toString() ?? 'http',
      'X-Forwarded-Host': headers['x-forwarded-host']?.toString() ?? host,
      'Sec-WebSocket-Protocol': subprotocols || undefined,
      'Sec-WebSocket-Version': '13',
      'Sec-WebSocket-Key': randomBytes(16).toString('base64'),
      // Compression costs time, so it is offered only if the client offers it.
      'Sec-WebSocket-Extensions': offersDeflate(request) ? OFFER : undefined,
      Upgrade: 'websocket',
      Connection: 'Upgrade',
    }
    const names = new Set(Object.keys(set).map(name => name.toLowerCase()))
    const asTheyCame = ofHandshake(request).filter(([name]) => !names.has(name.toLowerCase()))
    return [...Object.entries(set).filter((header): header is Header => header[1] !== undefined), ...asTheyCame]
  }

  /** @throws {Error} if the 101 is invalid (RFC 6455, section 4.1) */
  const readResponse = (response: IncomingMessage, key: string, request: IncomingMessage) => {
    const { 'sec-websocket-extensions': extensions, 'sec-websocket-protocol': subprotocol, ...rest } = response.headers
    if (rest.upgrade?.toLowerCase() !== 'websocket') throw new Error('Upgrade is not websocket')
    if (rest['sec-websocket-accept'] !== acceptOf(key)) throw new Error('Sec-WebSocket-Accept is wrong')
    if (subprotocol !== undefined && !offeredBy(request).includes(subprotocol)) {
      throw new Error(`the client does not offer the subprotocol ${subprotocol}`)
    }
    if (extensions !== undefined && !offersDeflate(request)) {
      throw new Error('the client does not offer permessage-deflate')
    }
    return { subprotocol, extensions, deflate: readAgreement(extensions), headers: ofHandshake(response) }
  }

  return {
    /** Says to a client that requested no upgrade what happens to one. */
    note: `This server passes WebSockets on to the backend ${address}, but no plain HTTP requests.
If a handshake failed, the server's log says why.\n\n`,

    /**
     * Passes on a handshake, and calls back once with the connection or with a refusal.
     * @returns a function that gives up
     */
    connect(request: IncomingMessage, settle: (outcome: Backend | Answer) => void): () => void {
      // An address without a path means this one (RFC 9112, section 3.2.1).
      const path = pathOf(request) || '/'
      const query = faults ? splitQuery(queryOf(request)).rest : queryOf(request)
      const headers = headersFor(request)
      const key = headers.find(([name]) => name === 'Sec-WebSocket-Key')?.[1] ?? ''
      const refuse = (status: number, problem: string) =>
        settle({ reason: 'upstream', status, body: `The backend ${address} ${problem}` })
      const fail = (error: Error) => {
        const body = `The handshake with the backend ${address} failed: ${messageOf(error)}`
        settle({ reason: 'upstream', status: 502, body })
      }

      let hasSettled = false
      const giveUp = new AbortController()
      const once = (action: () => void) => {
        clearTimeout(timer)
        if (hasSettled) return
        hasSettled = true
        action()
      }
      const timer = setTimeout(() => {
        once(() => refuse(504, `did not answer within ${upstreamTimeout} ms`))
        giveUp.abort()
      }, upstreamTimeout)

      const start = (send: typeof requestHttp) => {
        if (request.headers.via?.includes(pseudonym)) return once(() => refuse(508, 'leads back to this server'))
        const target = query === '' ? path : `${path}?${query}`
        const { signal } = giveUp
        const outgoing = send(upstream, { ...fixed, path: target, headers: headers.flat(), signal })
        outgoing.on('error', error => once(() => fail(error)))
        const refuseInvalid = (problem: string) => {
          outgoing.destroy()
          refuse(502, `answered with an invalid handshake: ${problem}`)
        }
        outgoing.on('response', response =>
          once(() => {
            const { statusCode: status = 0 } = response
            // Node.js takes a 101 for an ordinary response if it lacks the header.
            if (status === 101) refuseInvalid('Connection is not Upgrade')
            else if (status < 200) refuseInvalid(`status ${status}`)
            else settle({ reason: 'upstream', status, body: `The backend answered ${status}`, relayed: response })
          }),
        )
        outgoing.on('upgrade', (response, socket, head) => {
          socket.on('error', destroy)
          // In the socket they wait for a reader, and so does its end behind them.
          if (head.length > 0) socket.unshift(head)
          ;(socket as Socket).setKeepAlive(true, KEEP_ALIVE)
          once(() => {
            try {
              const { deflate, headers, ...agreed } = readResponse(response, key, request)
              const { remoteAddress = 'gone' } = socket as Socket
              const peer = { address: remoteAddress, path, query, ...agreed, testId: undefined }
              settle({ address, peer, socket: socket as Socket, deflate, headers })
            } catch (error) {
              refuseInvalid((error as Error).message)
            }
          })
        })
        outgoing.end()
      }
      const load =
        upstream.protocol === 'https:'
          ? import('node:https').then(({ request }) => request)
          : Promise.resolve(requestHttp)
      load.then(start).catch(error => once(() => fail(error)))

      return () => once(() => giveUp.abort())
    },
  }
}

/** Passes on the backend's refusal of a handshake. */
export function passOn(relayed: IncomingMessage, response: ServerResponse): void {
  const { statusCode = 502, statusMessage = '', headers } = relayed
  const connection: Header = ['Connection', headers.upgrade === undefined ? 'close' : 'Upgrade, close']
  // Node.js reads more characters than it writes.
  const reason = statusMessage.replace(/[^\t -~\x80-\xff]/g, '')
  response.writeHead(statusCode, reason, [...endToEnd(relayed), connection].flat())
  response.flushHeaders()
  // Only an HTTP server does this for its responses, and it has released the socket.
  response.socket?.on('drain', () => response.emit('drain'))
  const timer = setTimeout(() => response.destroy(), REFUSAL_TIMEOUT)
  pipeline(relayed, response, () => clearTimeout(timer))
}

// Node.js advises to run it with an option, but the server has a setting for this.
const ADVICE = /; if the root CA is installed locally.*/

// Numbers, functions and files of OpenSSL surround the reason.
const TLS = /^.*:SSL routines:[^:]*:([^:]+):.*$/s

function messageOf(error: Error): string {
  if (error instanceof AggregateError) return error.errors.map(({ message }) => message).join('; ')
  return error.message
    .replace(ADVICE, '; UPSTREAM_CA can name a file with the certificates to trust')
    .replace(TLS, 'TLS error: $1')
}
