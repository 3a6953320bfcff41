import { onTestFinished } from 'vitest'
import { type Environment, parseConfig } from '../../server/config/config.ts'
import { createControl } from '../../server/control/control.ts'
import { Registry } from '../../server/http/registry.ts'
import { createServer, type ServerOptions } from '../../server/http/server.ts'
import { createLogger } from '../../server/log.ts'
import { sessionProtocols } from '../../server/protocols/protocols.ts'

/**
 * Starts a server in this process on a free loopback port. `log` receives its parsed lines. `control` is the address of
 * the control port, if CONTROL_PORT is set.
 */
export async function startServer(env: Environment = {}, options: Partial<ServerOptions> = {}) {
  const log: Record<string, unknown>[] = []
  const config = parseConfig({ HOST: '127.0.0.1', PORT: '0', SHUTDOWN_TIMEOUT: '100ms', ...env })
  const logger = createLogger(config.logLevel, 'json', { write: line => log.push(JSON.parse(line)) })
  const registry = new Registry(config)
  const controlled = config.controlPort === undefined ? undefined : createControl({ ...config, logger, registry })
  const { observer } = controlled ?? {}
  const server = createServer({ ...config, logger, registry, sessionProtocols, observer, ...options })
  const { port } = await server.listen()
  const control = controlled && `http://127.0.0.1:${(await controlled.listen()).port}/`
  return {
    server,
    registry,
    log,
    port,
    url: `ws://127.0.0.1:${port}/`,
    http: `http://127.0.0.1:${port}/`,
    control: control ?? '',
    async close() {
      await server.close()
      await controlled?.close()
    },
  }
}

/** Starts a server that closes at the end of the test. */
export async function serve(...args: Parameters<typeof startServer>) {
  const started = await startServer(...args)
  onTestFinished(() => started.close())
  return started
}
