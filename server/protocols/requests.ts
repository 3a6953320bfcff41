import { constants } from 'node:buffer'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { costOf, Flow, type FlowOptions } from '../wire/flow.ts'

// What a flow needs of a socket. A session over HTTP has none of its own.
const NO_SOCKET = { pause() {}, resume() {}, write() {}, setTimeout() {}, writableLength: 0 } as unknown as Socket

/** Creates the flow of a session over HTTP. */
export const createRequestFlow = (options: FlowOptions): Flow => new Flow(NO_SOCKET, options, { proceed() {} })

/** The session to which requests belong. */
export type RequestsOwner = {
  /** Counts the memory of the requests and their answers. */
  readonly flow: Flow
  /** A request has brought a message. It is answered when the message is done. */
  onMessage(message: Buffer, isBinary: boolean, done: () => void): void
  /** Answers a request whose message is done. */
  accept(response: ServerResponse): void
  /** Answers a request that brings no message, unless its client has left, so that there is no status. */
  refuse(request: IncomingMessage, response: ServerResponse, problem: string, status?: number): void
  /** A request has ended, answered or not. */
  onClosed(response: ServerResponse): void
}

/** Serves the requests of a session over HTTP: POST requests bring messages, and answers to others take messages away. */
export function createRequests(maxPayload: number, owner: RequestsOwner) {
  const bytes = { read: 0, written: 0 }
  /** The responses that are not complete. */
  const open = new Set<ServerResponse>()
  let isPosting = false

  const keep = (response: ServerResponse) => {
    open.add(response)
    response.once('close', () => {
      open.delete(response)
      owner.onClosed(response)
    })
  }

  return {
    /** The bytes of all bodies. */
    bytes,
    open,

    /** Keeps a response until it is complete. */
    keep,

    /** Sends a part of a body, or the last one. Calls back when the client has it, or has left. */
    send(response: ServerResponse, part: Buffer | string, isLast: boolean, onTaken: () => void): void {
      const cost = costOf(part.length)
      const settle = () => {
        owner.flow.countWaiting(-cost)
        onTaken()
      }
      bytes.written += Buffer.byteLength(part)
      owner.flow.countWaiting(cost)
      if (isLast) response.once('close', settle).end(part)
      else response.write(part, settle)
    },

    /** Reads the message of a POST request, of which only one can be in work. */
    post(request: IncomingMessage, response: ServerResponse) {
      const refuse = (problem: string, status?: number) => owner.refuse(request, response, problem, status)
      if (isPosting) return refuse('A request came before the last one was answered', 409)
      isPosting = true
      keep(response)
      const count = (cost: number) => owner.flow.countKept(cost)
      const done = () => {
        isPosting = false
        if (!response.destroyed) owner.accept(response)
      }
      return readBody(request, maxPayload, count, body => {
        if (body instanceof Buffer) {
          bytes.read += body.length
          return owner.onMessage(body, false, done)
        }
        isPosting = false
        return body === 'gone'
          ? refuse('The client left in the middle of a request')
          : refuse('Max payload size exceeded', 413)
      })
    },

    /** Ends all connections without an answer. */
    drop(how: 'fin' | 'rst'): void {
      for (const { socket } of open) {
        if (how === 'rst') socket?.resetAndDestroy()
        else socket?.destroy()
      }
    },
  }
}

/**
 * Reads the body of a request.
 * @param limit bytes. A body that is too long for a string is too large in any case.
 * @param count counts the memory of the body until it is complete
 */
function readBody(
  request: IncomingMessage,
  limit: number,
  count: (cost: number) => void,
  done: (result: Buffer | 'too large' | 'gone') => void,
): void {
  const chunks: Buffer[] = []
  let size = 0
  let cost = 0
  const finish = (result: Buffer | 'too large' | 'gone') => {
    request.off('data', onData).off('end', onEnd).off('close', onClose)
    count(-cost)
    done(result)
  }
  const onData = (chunk: Buffer) => {
    size += chunk.length
    if (size > Math.min(limit, constants.MAX_STRING_LENGTH)) return finish('too large')
    chunks.push(chunk)
    cost += costOf(chunk.length)
    return count(costOf(chunk.length))
  }
  const onEnd = () => finish(Buffer.concat(chunks))
  const onClose = () => finish('gone')
  request.on('data', onData).on('end', onEnd).on('close', onClose)
}

// Separates packets of Engine.IO, protocol 4, and ends each record of SignalR.
const SEPARATOR = 0x1e

/** Splits a message after each separator, one part at a time, because it may have a million of them. */
export function* split(message: Buffer): Generator<Buffer, undefined> {
  let at = 0
  do {
    const separator = message.indexOf(SEPARATOR, at)
    const end = separator < 0 ? message.length : separator + 1
    yield message.subarray(at, end)
    at = end
  } while (at < message.length)
}
