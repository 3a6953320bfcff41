import { once } from 'node:events'
import { createServer as createHttpServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { getRequestListener } from '@hono/node-server'
import type { Config } from '../config.ts'
import type { Logger } from '../log.ts'
import type { Observer } from '../observer.ts'
import type { Server } from '../server.ts'
import { suspicionOf } from './host.ts'
import { createJournal } from './journal.ts'
import { createMetrics } from './metrics.ts'
import { createRoutes } from './routes.ts'

export type ControlOptions = Pick<
  Config,
  'controlPort' | 'controlHost' | 'controlAllowedHosts' | 'journalSize' | 'faults' | 'maxPayload'
> & { logger: Logger }

export type Control = {
  /** What the server is to tell. */
  observer: Observer
  /**
   * Resolves with the bound address.
   * @throws the system's error, such as `EADDRINUSE`
   */
  listen(server: Server): Promise<AddressInfo>
  close(): Promise<void>
}

/** The port by which a server is looked into and steered from outside. */
export function createControl(options: ControlOptions): Control {
  const { controlPort, controlHost, controlAllowedHosts, journalSize, logger } = options
  let server: Server | undefined
  const journal = journalSize > 0 ? createJournal(journalSize) : undefined
  const metrics = createMetrics(() => server)
  const http = createHttpServer()

  return {
    observer: {
      wantsMessages: journal !== undefined,
      refused: metrics.refused,
      opened: metrics.accepted,
      answered: metrics.answered,
      received(connection, opcode, payload, code) {
        // Pongs only say that the heartbeat beats.
        if (opcode !== 'pong') journal?.add(connection, opcode, payload, code)
        if (opcode === 'ping' || opcode === 'pong') metrics.controlFrame('received', opcode, payload.length)
      },
      sent: (opcode, bytes) => metrics.controlFrame('sent', opcode, bytes),
      closed: metrics.closed,
    },

    async listen(controlled) {
      server = controlled
      const answer = getRequestListener(createRoutes({ ...options, server, journal, metrics }).fetch, {
        overrideGlobalObjects: false,
      })
      http.on('request', (request, response) => {
        const suspicion = suspicionOf(request, controlAllowedHosts)
        if (suspicion === undefined) return answer(request, response)
        response.writeHead(403, { 'Content-Type': 'application/json', Connection: 'close' })
        return response.end(JSON.stringify({ error: suspicion }))
      })
      http.listen(controlPort, controlHost)
      await once(http, 'listening')
      http.on('error', error => logger.error(error.message))
      return http.address() as AddressInfo
    },

    async close() {
      const closed = once(http, 'close')
      http.close()
      http.closeAllConnections()
      await closed
    },
  }
}
