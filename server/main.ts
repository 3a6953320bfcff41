import type { Page } from './http/server.ts'

// Before anything else is loaded, which takes a while: as process 1 of a container, a signal without a listener is lost.
const { promise: asked, resolve: ask } = Promise.withResolvers<string>()
// Ctrl+C under npm sends SIGINT twice: from the terminal and from npm.
for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP']) process.on(signal, ask)

// A small buffer that waits may keep a whole slab of Node.js's pool in memory. With 64 KiB, the default, it would hardly
// count in the budget; with 1 KiB, it counts half of what it may take, and many small buffers still share a slab.
Buffer.poolSize = 1024

// Milliseconds that may pass from the end of everything to the end of the process.
const LAST_MOMENT = 1000

/** Runs the server until SIGTERM, SIGINT or SIGHUP. Exits with 1 when it can't start. */
export async function main(page?: Page): Promise<void> {
  const { run, StartError } = await import('./run.ts')
  const memory = process.constrainedMemory()
  try {
    const server = await run(process.env, memory, page)
    process.once('exit', server.crash)
    await server.close(await asked)
    setTimeout(() => process.exit(), LAST_MOMENT).unref()
  } catch (error) {
    if (!(error instanceof StartError)) throw error
    console.error(error.message)
    process.exitCode = 1
  }
}

if (import.meta.main) await main()
