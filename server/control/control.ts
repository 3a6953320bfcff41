import { once } from 'node:events'
import { createServer as createHttpServer } from 'node:http'
import { getRequestListener } from '@hono/node-server'
import type { Config } from '../config/config.ts'
import type { Observer } from '../connection/observer.ts'
import type { Registry } from '../http/registry.ts'
import { listen } from '../http/server.ts'
import type { Logger } from '../log.ts'
import { problemOf } from './host-check.ts'
import { createJournal } from './journal.ts'
import { createMetrics } from './metrics.ts'
import { createRoutes } from './routes.ts'

/** Creates the port through which tests inspect and control a running server, and the observer that it learns from. */
export function createControl(options: Config & { logger: Logger; registry: Registry }) {
  const { controlPort, controlHost, controlAllowedHosts, journalSize, logger, registry } = options
  const journal = journalSize > 0 ? createJournal(journalSize, registry.budget) : undefined
  const clients = createMetrics('websocket', registry, registry.budget)
  const upstream = options.upstream && createMetrics('websocket_upstream', registry.upstreams)
  const metrics = {
    contentType: clients.contentType,
    read: async () => (await clients.read()) + ((await upstream?.read()) ?? ''),
  }
  const answer = getRequestListener(createRoutes({ ...options, journal, metrics }).fetch)
  const http = createHttpServer((request, response) => {
    const problem = problemOf(request, controlAllowedHosts)
    if (problem === undefined) return answer(request, response)
    response.writeHead(403, { 'Content-Type': 'application/json', Connection: 'close' })
    return response.end(JSON.stringify({ error: problem }))
  })
  const createObserver = (metrics: typeof clients): Observer => ({
    ...metrics.observer,
    wantsMessages: journal !== undefined,
    received(connection, opcode, payload, code) {
      // A pong only shows that the heartbeat works.
      if (opcode !== 'pong') journal?.addMessage(connection, opcode, payload, code)
      metrics.observer.received(connection, opcode, payload, code)
    },
    triggered(fault) {
      journal?.addFault(fault)
      metrics.observer.triggered(fault)
    },
  })
  const observer: Observer = {
    ...createObserver(clients),
    ...(upstream && { upstream: createObserver(upstream) }),
  }

  return {
    observer,

    listen: () => listen(http, logger, controlPort, controlHost),

    async close(): Promise<void> {
      const closed = once(http, 'close')
      http.close()
      http.closeAllConnections()
      await closed
    },
  }
}
