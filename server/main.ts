import { constants } from 'node:os'
import type { RunOptions } from './run.ts'

type Signal = 'SIGTERM' | 'SIGINT' | 'SIGHUP'

// Under npm, one Ctrl+C sends SIGINT twice: from the terminal and from npm. A signal within this many milliseconds of
// the first is part of the same request.
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
// Register before loading anything else, which takes a while: process 1 of a container ignores signals without a
// listener.
process.on('SIGTERM', onSignal).on('SIGINT', onSignal)
// SIGHUP means that the terminal is gone. That never forces the end.
process.on('SIGHUP', requestStop)

// A small buffer that waits can keep a whole slab of Node.js's buffer pool in memory. Slabs of 64 KiB, the default,
// would make the memory budget meaningless. With 1 KiB, at least half of the memory counts, and small buffers still
// share slabs.
Buffer.poolSize = 1024

// Milliseconds that the process may take to exit after the server has closed.
const EXIT_TIMEOUT = 1000

/**
 * Runs the server until SIGTERM, SIGINT or SIGHUP. Exits with 0 then, with 1 if the server cannot start, and with 128
 * plus the number of the signal on a second SIGTERM or SIGINT.
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

if (import.meta.main) main()
