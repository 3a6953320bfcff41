import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import { type ServerOptions, WebSocketServer } from 'ws'
import type { Answer } from '../answer.ts'
import { printable } from '../log.ts'
import type { Faults } from './faults.ts'
import { FaultySocket } from './faulty-socket.ts'
import { describeHandshake } from './hello.ts'

export type FaultyHandshakes = {
  /** Answers a handshake as its faults have it, and gives the connection to be served, with the address of its peer. */
  upgrade(
    request: IncomingMessage,
    socket: Socket,
    head: Buffer,
    faults: Faults,
    serve: (ws: FaultySocket) => { address: string },
  ): void
  /** How many are delayed. */
  readonly delayed: number
  /** Drops those that are still delayed. */
  close(): void
}

// Chunks that may come before a late answer.
const MOST_EARLY = 16

const PROTOCOL = 'Sec-WebSocket-Protocol'
const ACCEPT = 'Sec-WebSocket-Accept'

/** The subprotocols that a client offers, in its order. */
const offeredBy = ({ headers }: IncomingMessage): string[] =>
  headers['sec-websocket-protocol']?.split(',').map(name => name.trim()) ?? []

/** Why a handshake is refused that asks for this, if it is. */
export function refusalOf({ reject, subprotocol }: Faults, request: IncomingMessage): Answer | undefined {
  if (reject !== undefined) return { reason: 'asked', status: reject, body: `Refused with ${reject}, as was asked for` }
  const offered = offeredBy(request)
  if (!subprotocol || offered.includes(subprotocol)) return undefined
  const expected = `one of those that the client offers: ${offered.join(', ') || 'none'}`
  return { reason: 'query', status: 400, body: printable(`subprotocol=${subprotocol}: expected ${expected}`) }
}

/** @param options as for the handshakes of everybody else */
export function createFaultyHandshakes(options: ServerOptions): FaultyHandshakes {
  const delayed = new Set<Socket>()
  /** Those of the handshake at hand: `ws` completes it in one go. */
  let faults: Faults = {}
  let answer: string[] = []

  const sockets = new WebSocketServer<typeof FaultySocket>({
    ...options,
    WebSocket: FaultySocket,
    handleProtocols: ([first = '']) => faults.subprotocol ?? first,
  })
  sockets.on('headers', (lines, request) => {
    answer = lines
    const replace = (name: string, value: string) => {
      const at = lines.findIndex(line => line.startsWith(`${name}: `))
      lines.splice(at < 0 ? lines.length : at, 1, `${name}: ${value}`)
    }
    if (faults.handshake === 'wrong-accept') replace(ACCEPT, Buffer.alloc(20).toString('base64'))
    if (faults.handshake === 'wrong-subprotocol') replace(PROTOCOL, `not-${offeredBy(request).join('-') || 'offered'}`)
  })

  const upgrade: FaultyHandshakes['upgrade'] = (request, socket, head, asked, serve) => {
    faults = asked
    sockets.handleUpgrade(request, socket, head, ws => {
      const { address } = serve(ws)
      const hello = asked.hello && describeHandshake({ request, answer, connection: ws.id, address })
      ws.misbehave(asked, hello)
    })
  }

  return {
    get delayed() {
      return delayed.size
    },

    upgrade(request, socket, head, asked, serve) {
      const delay = asked['handshake-delay']
      if (!delay) return upgrade(request, socket, head, asked, serve)
      const early = [head]
      const keep = (chunk: Buffer) => {
        early.push(chunk)
        // Nothing may come before the answer (section 4.1), and so not much does.
        if (early.length > MOST_EARLY) socket.destroy()
      }
      const leave = () => socket.destroy()
      const timer = setTimeout(() => {
        delayed.delete(socket)
        socket.off('data', keep).off('end', leave)
        upgrade(request, socket, Buffer.concat(early), asked, serve)
      }, delay)
      delayed.add(socket)
      // Read, so that a peer that leaves is noticed.
      socket.on('error', () => {})
      socket.on('data', keep)
      socket.on('end', leave)
      socket.once('close', () => {
        delayed.delete(socket)
        clearTimeout(timer)
      })
    },

    close() {
      for (const socket of delayed) socket.destroy()
    },
  }
}
