import type { AddressInfo } from 'node:net'
import { ConfigError, parseConfig } from './config/config.ts'
import { Registry } from './http/registry.ts'
import { createServer, type Page } from './http/server.ts'
import { createLogger, createOutput } from './log.ts'
import { checkInternals, InternalsError } from './wire/internals.ts'

/** Its message tells why it can't start. */
class StartError extends Error {}

/** Runs the server until SIGTERM or SIGINT. Exits with 1 when it can't start. */
export async function main(page?: Page): Promise<void> {
  try {
    await start(page)
  } catch (error) {
    if (![ConfigError, InternalsError, StartError].some(kind => error instanceof kind)) throw error
    console.error((error as Error).message)
    process.exitCode = 1
  }
}

async function start(page?: Page): Promise<void> {
  checkInternals()
  const config = parseConfig(process.env)
  const output = createOutput()
  process.once('exit', output.crash)
  const logger = createLogger(config.logLevel, config.logFormat, output)
  // Only where it is asked for: what it is built on takes memory and time to start.
  const { createControl } = config.controlPort === undefined ? {} : await import('./control/control.ts')
  const registry = new Registry()
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

  const close = async () => {
    await server.close()
    await control?.close()
    await output.end()
  }
  // Ctrl+C under npm sends it twice: from the terminal and from npm.
  let closing: Promise<void> | undefined
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => {
      if (!closing) logger.info(`Closing on ${signal}`)
      closing ??= close()
    })
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

if (import.meta.main) await main()
