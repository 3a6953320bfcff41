import type { AddressInfo } from 'node:net'
import { totalmem } from 'node:os'
import { ConfigError, type Environment, parseConfig } from './config/config.ts'
import { Registry } from './http/registry.ts'
import { createServer, type Page } from './http/server.ts'
import { createLogger, createOutput } from './log.ts'
import { checkInternals, InternalsError } from './wire/internals.ts'

/** Its message says why the server can't start. */
export class StartError extends Error {}

/**
 * Starts the server, and what was asked for beside it.
 * @param memory bytes that the container has; 0, or more than the machine has, is no limit
 * @throws {StartError}
 */
export async function run(env: Environment, memory: number, page?: Page) {
  const config = attempt(() => {
    checkInternals()
    return parseConfig(env, Math.min(memory || Number.POSITIVE_INFINITY, totalmem()))
  })
  const output = createOutput()
  const logger = createLogger(config.logLevel, config.logFormat, output)
  // Only where it is asked for: what it is built on takes memory and time to start.
  const { createControl } = config.controlPort === undefined ? {} : await import('./control/control.ts')
  const registry = new Registry(config.memoryBudget)
  const control = createControl?.({ ...config, logger, registry })
  const server = createServer({ ...config, logger, page, registry, observer: control?.observer })

  const { port } = await bound(server.listen(), 'HOST', 'PORT')
  try {
    const controlled = control && (await bound(control.listen(), 'CONTROL_HOST', 'CONTROL_PORT'))
    if (controlled) logger.info(`Control on http://${hostOf(config.controlHost)}:${controlled.port}`)
  } catch (error) {
    await server.close()
    throw error
  }
  const host = hostOf(config.host ?? 'localhost')
  if (page) logger.info(`Page on http://${host}:${port}`)
  logger.info(`Ready on ws://${host}:${port}`)

  return {
    /** Writes the last lines of the log in a process that crashes. */
    crash: output.crash,

    /** @param signal the reason, for the log */
    async close(signal: string): Promise<void> {
      logger.info(`Closing on ${signal}`)
      await server.close()
      await control?.close()
      await output.end()
    },
  }
}

function attempt<T>(action: () => T): T {
  try {
    return action()
  } catch (error) {
    if (error instanceof ConfigError || error instanceof InternalsError) throw new StartError(error.message)
    throw error
  }
}

async function bound(listening: Promise<AddressInfo>, host: string, port: string): Promise<AddressInfo> {
  try {
    return await listening
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    const why =
      code === 'EADDRINUSE'
        ? `The port is taken, choose another with ${port}`
        : `Cannot listen with this ${host} and ${port}`
    throw new StartError(`${why} (${message})`)
  }
}

const hostOf = (host: string) => (host.includes(':') ? `[${host}]` : host)
