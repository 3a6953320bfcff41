import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Host } from '../http/protocol.ts'
import { costOfRequest } from '../http/request.ts'
import type { ChannelEvents } from '../protocols/channel.ts'
import { createRequestFlow, createRequests } from '../protocols/requests.ts'
import { costOf } from '../wire/flow.ts'

export type HttpTransport = ReturnType<typeof createHttpTransport>

const HEADERS = { 'Cache-Control': 'no-store', 'X-Content-Type-Options': 'nosniff' }
const EVENTS = { ...HEADERS, 'Content-Type': 'text/event-stream', 'X-Accel-Buffering': 'no' }
const RECORDS = { ...HEADERS, 'Content-Type': 'text/plain; charset=utf-8' }

/** Answers a request without a body. */
export const answer = (response: ServerResponse, status: number) =>
  response.writeHead(status, { ...HEADERS, ...(status !== 204 && { 'Content-Length': 0 }) }).end()

/**
 * Carries records that come in POST requests, and leave as the events of a stream or in the answers to polls.
 * @param stream the response with the events, if there are no polls
 */
export function createHttpTransport(host: Host, events: ChannelEvents, stream?: ServerResponse) {
  const flow = createRequestFlow(host)
  const queue: { records: Buffer; onSent: () => void }[] = []
  let isClosing = false
  /** The stream or the open poll. */
  let carrier: ServerResponse | undefined

  const requests = createRequests(host.maxPayload, {
    flow,
    onMessage: events.onMessage,
    accept: response => answer(response, 200),
    refuse(_request, response, _problem, status) {
      if (status !== undefined) answer(response, status)
      if (status === 413) events.onFailure('the body is larger than MAX_PAYLOAD', 1009)
    },
    onClosed(response) {
      if (response === carrier) carrier = undefined
      if (response === stream) end()
    },
  })

  const end = (code = 1006) => {
    if (stream) stream.end()
    else if (carrier) answer(carrier, 204)
    events.onGone(code, '')
  }

  const drop = (how: 'fin' | 'rst') => {
    requests.drop(how)
    end()
  }

  /** Sends all records that wait, if the client can take them. Then ends a session that is closing. */
  const flush = () => {
    if (carrier && queue.length > 0) {
      const batch = queue.splice(0)
      const body = Buffer.concat(batch.map(({ records }) => records))
      if (!stream) carrier.writeHead(200, { ...RECORDS, 'Content-Length': body.length })
      requests.send(carrier, stream ? `data: ${body}\r\n\r\n` : body, !stream, () => {
        for (const { records, onSent } of batch) {
          flow.countWaiting(-costOf(records.length))
          onSent()
        }
      })
      carrier = stream
    }
    if (isClosing && queue.length === 0) end()
  }

  /** Keeps an open response, by which the next records are sent. */
  const attach = (response: ServerResponse) => {
    requests.keep(response)
    if (carrier) answer(carrier, 204)
    carrier = response
    flush()
  }

  if (stream) {
    // Firefox takes a stream for open only when it has received something, which is a comment here.
    stream.writeHead(200, EVENTS).write(':\r\n\r\n')
    attach(stream)
  }
  return {
    ...{ flow, bytes: requests.bytes, drop },
    destroy: () => drop('rst'),
    shed: () => drop('rst'),
    stall: () => void queue.splice(0),
    isReachable: () => carrier !== undefined,

    send(records: Buffer, _isBinary: boolean, onSent = () => {}) {
      flow.countWaiting(costOf(records.length))
      queue.push({ records, onSent })
      flush()
    },

    close() {
      isClosing = true
      flush()
    },

    /** Serves a request of the client after the first one. */
    serve(request: IncomingMessage, response: ServerResponse) {
      const { method } = request
      requests.bytes.read += costOfRequest(request)
      if (method === 'POST') requests.post(request, response)
      else if (method === 'GET' && !stream) attach(response)
      else if (method !== 'DELETE') answer(response, method === 'GET' ? 409 : 405)
      else {
        end(1000)
        answer(response, 202)
      }
    },
  }
}
