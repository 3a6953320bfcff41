import type { AddressInfo } from 'node:net'
import { totalmem } from 'node:os'
import { ConfigError, type Environment, parseConfig } from './config/config.ts'
import { Registry } from './http/registry.ts'
import { createServer, type Page } from './http/server.ts'
import { addressOfBackend } from './http/upstream.ts'
import { createLogger, createOutput } from './log.ts'
import { sessionProtocols } from './protocols/protocols.ts'
import { checkInternals, InternalsError } from './wire/internals.ts'

/** The message says why the server cannot start. */
export class StartError extends Error {}

export type RunOptions = {
  env: Environment
  /** The container's memory in bytes. 0, or more than the machine has, means no limit. */
  memory: number
  page?: Page | undefined
  /** The address to listen on if HOST is not set. The default is every address. */
  defaultHost?: string | undefined
}

/**
 * Starts the server and, if it is configured, the control port.
 * @throws {StartError} if a setting is invalid, a port is taken, or the installed packages do not fit
 */
export async function run({ env, memory, page, defaultHost }: RunOptions) {
  const config = attempt(() => {
    checkInternals()
    return parseConfig(env, Math.min(memory || Number.POSITIVE_INFINITY, totalmem()))
  })
  const output = createOutput()
  const logger = createLogger(config.logLevel, config.logFormat, output)
  // Loaded only if needed, because it takes memory and time.
  const { createControl } = config.controlPort === undefined ? {} : await import('./control/control.ts')
  const registry = new Registry(config)
  const control = createControl?.({ ...config, logger, registry })
  const server = createServer({
    ...config,
    host: config.host ?? defaultHost,
    logger,
    page,
    registry,
    sessionProtocols,
    observer: control?.observer,
  })

  const { port } = await bound(server.listen(), 'HOST', 'PORT')
  const controlled =
    control &&
    (await bound(control.listen(), 'CONTROL_HOST', 'CONTROL_PORT').catch(async error => {
      await server.close()
      throw error
    }))

  const address = `${hostOf(config.host ?? 'localhost')}:${port}`
  const { publicPageUrl = page && `http://${address}`, publicWsUrl = `ws://${address}` } = config
  // A person who starts the server wants to open this address, so it comes first.
  if (publicPageUrl) logger.info(`Page on ${publicPageUrl}`)
  if (controlled) logger.info(`Control on http://${hostOf(config.controlHost)}:${controlled.port}`)
  if (config.upstream) logger.info(`Passing WebSockets on to ${addressOfBackend(config.upstream)}`)
  for (const warning of config.warnings) logger.warn(warning)
  logger.info(`Ready on ${publicWsUrl || `ws://${address} inside the container`}`)

  return {
    /** Writes the last lines of the log when the process is about to exit. */
    flush: output.crash,

    /** Logs that a second signal ends the process at once. */
    abort(signal: string): void {
      logger.warn(`Ended at once by a second ${signal}`)
    },

    /** @param signal logged as the reason */
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
        ? `The port is taken. Choose another with ${port}`
        : `Cannot listen with this ${host} and ${port}`
    throw new StartError(`${why} (${message})`)
  }
}

/** Returns the host part of a URL for a listening address. */
const hostOf = (host: string) => {
  if (host === '0.0.0.0' || host === '::') return 'localhost'
  return host.includes(':') ? `[${host}]` : host
}
