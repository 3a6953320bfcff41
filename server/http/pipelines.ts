import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'

// Requests of one connection that are answered at a time.
const MAX_REQUESTS = 8

// Milliseconds for a peer to take the answers to all of them.
const DEADLINE = 30_000

/** How many requests of a connection are unanswered, and what to do once none is. */
type Pipeline = { answers: number; deadline: NodeJS.Timeout | undefined; next: (() => void) | undefined }

/** Keeps an eye on plain requests that come before the ones before them are answered (RFC 9112, section 9.3.2). */
export function createPipelines() {
  const pipelines = new WeakMap<Socket, Pipeline>()

  const begin = (socket: Socket): Pipeline => {
    const pipeline: Pipeline = { answers: 0, deadline: undefined, next: undefined }
    socket.once('close', () => clearTimeout(pipeline.deadline))
    pipelines.set(socket, pipeline)
    return pipeline
  }

  return {
    /** @returns whether to answer the request: not if there are too many, which ends the connection */
    admit({ socket }: IncomingMessage, response: ServerResponse): boolean {
      const pipeline = pipelines.get(socket) ?? begin(socket)
      if (pipeline.answers === MAX_REQUESTS) socket.destroy()
      if (socket.destroyed) return false
      if (pipeline.answers++ === 0) pipeline.deadline = setTimeout(() => socket.destroy(), DEADLINE)
      response.once('close', () => {
        if (--pipeline.answers > 0) return
        clearTimeout(pipeline.deadline)
        if (!socket.destroyed) pipeline.next?.()
      })
      return true
    },

    /** Calls back when the answers before this are on their way. */
    afterwards(socket: Socket, next: () => void): void {
      const pipeline = pipelines.get(socket)
      if (pipeline && pipeline.answers > 0) pipeline.next = next
      else next()
    },
  }
}
