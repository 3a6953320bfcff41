import { constants } from 'node:os'
import type { RunOptions } from './run.ts'

type Signal = 'SIGTERM' | 'SIGINT' | 'SIGHUP'

// Milliseconds in which another signal is the same request: under npm, Ctrl+C sends SIGINT from the terminal and from npm.
const SAME_REQUEST = 100

const { promise: stopRequested, resolve: requestStop } = Promise.withResolvers<Signal>()
let requestedAt: number | undefined
let abort: ((signal: Signal) => void) | undefined

const onSignal = (signal: Signal) => {
  requestedAt ??= performance.now()
  if (performance.now() - requestedAt < SAME_REQUEST) return requestStop(signal)
  abort?.(signal)
  return process.exit(128 + constants.signals[signal])
}
// Before anything else is loaded, which takes a while: as process 1 of a container, a signal without a listener is lost.
process.on('SIGTERM', onSignal).on('SIGINT', onSignal)
// The terminal has gone, which is no reason to hurry.
process.on('SIGHUP', requestStop)

// A small buffer that waits may keep a whole slab of Node.js's pool in memory. With 64 KiB, the default, it would hardly
// count in the budget; with 1 KiB, it counts half of what it may take, and many small buffers still share a slab.
Buffer.poolSize = 1024

// Milliseconds that may pass from the end of everything to the end of the process.
const EXIT_TIMEOUT = 1000

/**
 * Runs the server until SIGTERM, SIGINT or SIGHUP, and exits with 0. Exits with 1 when it can't start, and with 128 plus
 * the signal's number on a second SIGTERM or SIGINT.
 */
export async function main(options: Pick<RunOptions, 'page' | 'defaultHost'> = {}): Promise<void> {
  const { run, StartError } = await import('./run.ts')
  const memory = process.constrainedMemory()
  try {
    const server = await run({ env: process.env, memory, ...options })
    process.once('exit', server.flush)
    abort = server.abort
    await server.close(await stopRequested)
    setTimeout(() => process.exit(), EXIT_TIMEOUT).unref()
  } catch (error) {
    if (!(error instanceof StartError)) throw error
    console.error(error.message)
    process.exitCode = 1
  }
}

if (import.meta.main) await main()
