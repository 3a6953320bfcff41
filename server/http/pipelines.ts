import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'

// Requests of one connection that may be unanswered at a time.
const MAX_REQUESTS = 8

// Milliseconds within which a peer must read all pending answers.
const DEADLINE = 30_000

/** The number of unanswered requests of a connection, and a callback for when all are answered. */
type Pipeline = { answers: number; deadline: NodeJS.Timeout | undefined; next: (() => void) | undefined }

/** Limits the plain requests that arrive before earlier ones are answered (RFC 9112, section 9.3.2). */
export function createPipelines() {
  const pipelines = new WeakMap<Socket, Pipeline>()

  const begin = (socket: Socket): Pipeline => {
    const pipeline: Pipeline = { answers: 0, deadline: undefined, next: undefined }
    socket.once('close', () => clearTimeout(pipeline.deadline))
    pipelines.set(socket, pipeline)
    return pipeline
  }

  return {
    /**
     * @param isLate whether the answer may come late, so that the peer's time to read it begins when it is complete
     * @returns whether to answer the request. Too many requests end the connection.
     */
    admit({ socket }: IncomingMessage, response: ServerResponse, isLate = false): boolean {
      const pipeline = pipelines.get(socket) ?? begin(socket)
      if (pipeline.answers === MAX_REQUESTS) socket.destroy()
      if (socket.destroyed) return false
      const startDeadline = () => {
        clearTimeout(pipeline.deadline)
        pipeline.deadline = setTimeout(() => socket.destroy(), DEADLINE)
      }
      if (isLate) {
        clearTimeout(pipeline.deadline)
        response.once('prefinish', startDeadline)
      } else if (pipeline.answers === 0) startDeadline()
      pipeline.answers++
      response.once('close', () => {
        if (--pipeline.answers > 0) return
        clearTimeout(pipeline.deadline)
        // An answer may have ended the connection.
        if (socket.writable) pipeline.next?.()
      })
      return true
    },

    /** Calls back when all earlier requests of the connection are answered, unless that has ended it. */
    afterwards(socket: Socket, next: () => void): void {
      const pipeline = pipelines.get(socket)
      if (pipeline && pipeline.answers > 0) pipeline.next = next
      else next()
    },
  }
}
