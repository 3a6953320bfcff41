import type { OutgoingHttpHeaders, ServerResponse } from 'node:http'
import { type Socket as EngineSocket, parser } from 'engine.io'
import type { Host } from '../../http/protocol.ts'
import type { Flow } from '../../wire/flow.ts'
import { createRequests } from '../requests.ts'

/** What long polling needs of its session. */
export type PollingOwner = {
  /** Whether nothing may be sent, whatever arrives. */
  readonly isSilent: boolean
  readonly flow: Flow
  /** Handles the packets of a request one at a time. */
  handle(packets: Buffer, handle: (packet: Buffer) => void, done: () => void): void
  /** Returns a callback for the messages in an answer, to be called when it is sent. */
  takeOnTheWay(): () => void
  /** The last answer is sent, and nobody waits for another one. */
  onAllAnswered(): void
  /** The client has asked for nothing for STALL_TIMEOUT. */
  onIdle(): void
  /** Ends the session because of a violation. */
  fail(problem: string): void
}

/** A response as far as Engine.IO uses it. */
type EngineResponse = {
  writeHead(status: number, headers?: OutgoingHttpHeaders): EngineResponse
  end(data?: string): void
}

export type Polling = ReturnType<typeof createPolling>

/** The packet by which a client closes the session. */
const CLOSE = '1'

/** Answers the requests of a session. Engine.IO would neither limit nor count their memory. */
export function createPolling(conn: EngineSocket, host: Host, owner: PollingOwner) {
  const requests = createRequests(host.maxPayload, {
    get flow() {
      return owner.flow
    },
    onMessage: (packets, _isBinary, done) => owner.handle(packets, pass, done),
    accept: response => response.writeHead(200, { 'Content-Type': 'text/html', 'Content-Length': 2 }).end('ok'),
    refuse(request, response, problem, status) {
      if (status !== undefined) host.refuse(request, response, { status, body: problem })
      owner.fail(problem)
    },
    onClosed() {
      idle.refresh()
      if (requests.open.size === 0) owner.onAllAnswered()
    },
  })
  const idle = setTimeout(() => {
    idle.refresh()
    if (requests.open.size === 0) owner.onIdle()
  }, host.stallTimeout)

  const pass = (bytes: Buffer) => {
    const packet = bytes.toString().replace('\x1e', '')
    if (packet === CLOSE) conn.transport.emit('close')
    else conn.transport.emit('packet', parser.decodePacket(packet))
  }

  return {
    /** The bytes of all bodies. */
    bytes: requests.bytes,

    /** Whether an answer has not been sent. */
    get isAnswering(): boolean {
      return requests.open.size > 0
    },

    /** Returns the response to a request through which Engine.IO sends packets. */
    responseFor(response: ServerResponse): EngineResponse {
      let head: [number, OutgoingHttpHeaders] = [200, {}]
      requests.keep(response)
      const engineResponse = {
        writeHead(status: number, headers: OutgoingHttpHeaders = {}) {
          head = [status, headers]
          return engineResponse
        },
        end(data = '') {
          if (owner.isSilent) return
          response.writeHead(...head)
          requests.send(response, data, true, owner.takeOnTheWay())
        },
      }
      return engineResponse
    },

    /** Handles the packets of a request, and answers when all are handled. */
    post: requests.post,

    /** The session has moved to a WebSocket, and gets no more requests. */
    leave(): void {
      clearTimeout(idle)
    },

    /** Ends all connections without an answer. */
    drop: requests.drop,

    /** Engine.IO has closed the session: ends the connections of all requests that are not answered. */
    close(): void {
      clearTimeout(idle)
      // Engine.IO may be in the middle of its last answer.
      queueMicrotask(() => {
        for (const { socket, writableEnded } of requests.open) if (!writableEnded) socket?.destroy()
      })
    },
  }
}
