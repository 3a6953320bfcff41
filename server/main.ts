import { ConfigError, parseConfig } from './config.ts'
import { createLogger } from './log.ts'
import { createServer, type Page } from './server.ts'

/** Runs the server until SIGTERM or SIGINT. Exits with 1 when it can't start. */
export async function main(page?: Page): Promise<void> {
  try {
    await start(page)
  } catch (error) {
    const explanation = explain(error)
    if (explanation === undefined) throw error
    console.error(explanation)
    process.exitCode = 1
  }
}

async function start(page?: Page): Promise<void> {
  const config = parseConfig(process.env)
  const logger = createLogger(config.logLevel, config.logFormat)
  const server = createServer({ ...config, logger, page })

  const { port } = await server.listen()
  const host = config.host?.includes(':') ? `[${config.host}]` : (config.host ?? 'localhost')
  if (page) logger.info(`Page on http://${host}:${port}`)
  logger.info(`Ready on ws://${host}:${port}`)

  // Ctrl+C under npm sends it twice: from the terminal and from npm.
  let closing: Promise<void> | undefined
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => {
      if (!closing) logger.info(`Closing on ${signal}`)
      closing ??= server.close()
    })
  }
}

function explain(error: unknown): string | undefined {
  if (error instanceof ConfigError) return error.message
  const { syscall, code, message } = error as NodeJS.ErrnoException
  if (code === 'EADDRINUSE') return `The port is taken, choose another with PORT (${message})`
  return syscall === undefined ? undefined : `Cannot listen with this HOST and PORT (${message})`
}

if (import.meta.main) await main()
