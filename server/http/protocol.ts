import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { Config } from '../config/config.ts'
import type { Message } from '../connection/behaviour.ts'
import type { ConnectionOptions, Peer } from '../connection/connection.ts'
import type { Session } from '../connection/session.ts'
import type { AdmittedSession, SessionTerms } from './admission.ts'
import type { Answer } from './answer.ts'
import type { Registry } from './registry.ts'

/** A protocol besides plain WebSockets, on paths of its own. It is loaded on its first request. */
export type Protocol = {
  /** Returns whether a request is for this protocol. */
  matches(request: IncomingMessage): boolean
  load(): Promise<(host: Host) => Endpoint>
}

/** Serves the requests of a protocol. */
export type Endpoint = {
  request(request: IncomingMessage, response: ServerResponse): void
  /** @param socket has a listener for errors, and does not read yet */
  upgrade(request: IncomingMessage, socket: Socket, head: Buffer): void
}

/** What the server offers to the sessions of a protocol. */
export type Host = Config &
  Omit<ConnectionOptions, 'onGone'> & {
    readonly registry: Registry
    /** Milliseconds between the pings of SignalR, if they are not the usual ones. */
    readonly signalrPing?: number | undefined
    /** Returns the echo of a message, with the prefix. */
    answer(message: Message): Message
    /**
     * Accepts or refuses a request that opens a session. Logs and counts a refusal.
     * @param rest the rest of the decision if nothing else is wrong with the request, such as its own refusal
     */
    admit<Rest extends object>(
      request: IncomingMessage,
      terms: SessionTerms,
      rest?: Rest | Answer,
    ): (AdmittedSession & Rest) | Answer
    /** Call it for each request of an open session: its socket needs no place, because the session has one. */
    yieldPlace(socket: Socket): void
    /** Answers a refused request or handshake. */
    refuse(request: IncomingMessage, target: ServerResponse | Socket, refused: Answer): void
    /** Describes the handshake in JSON, for `hello`. */
    describeHello(id: number, request: IncomingMessage, peer: Peer): string
    /** Adds an open session to the registry, and starts its heartbeat. */
    add(session: Session): void
    /** Removes a session that has ended. Call it once. */
    onGone(session: Session): void
  }
