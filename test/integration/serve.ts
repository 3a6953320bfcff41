import { onTestFinished } from 'vitest'
import { type Environment, parseConfig } from '../../server/config.ts'
import { createLogger } from '../../server/log.ts'
import { createServer, type ServerOptions } from '../../server/server.ts'

/** Starts a server in this process on a free port of loopback; `log` gets its lines, parsed. */
export async function startServer(env: Environment = {}, options: Partial<ServerOptions> = {}) {
  const log: Record<string, unknown>[] = []
  const config = parseConfig({ HOST: '127.0.0.1', PORT: '0', SHUTDOWN_TIMEOUT: '100ms', ...env })
  const logger = createLogger(config.logLevel, 'json', { write: line => log.push(JSON.parse(line)) })
  const server = createServer({ ...config, logger, ...options })
  const { port } = await server.listen()
  return { server, log, port, url: `ws://127.0.0.1:${port}/`, http: `http://127.0.0.1:${port}/` }
}

/** Starts a server that is closed when the test ends. */
export async function serve(...args: Parameters<typeof startServer>) {
  const started = await startServer(...args)
  onTestFinished(() => started.server.close())
  return started
}
