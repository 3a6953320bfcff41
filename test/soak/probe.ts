import { setTimeout as delay } from 'node:timers/promises'
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'
import { frame, nextAfterPings, opcodes } from '../suite/raw-client.ts'
import { createPatience, openRaw } from './refusals.ts'

// Milliseconds from one echo to the next, and until a reply counts as lost.
const INTERVAL = 50
const LOST = 30_000

const CLIENTS = 4

/** The time of a message in ms since the epoch, and the milliseconds until its echo or a problem. */
export type Echo = { sent: number; took: number } | { sent: number; problem: string }

/** Measures echoes in a thread of its own, so that only the stack can delay them. */
export function startProbe(url: string, prefix: string, onEcho: (echo: Echo) => void) {
  const worker = new Worker(new URL(import.meta.url), { workerData: { probe: { url, prefix } } })
  worker.on('message', onEcho)
  return { stop: () => worker.terminate() }
}

async function echo(url: string, prefix: string, patience: ReturnType<typeof createPatience>): Promise<void> {
  let sent = Date.now()
  try {
    const client = await openRaw(url)
    patience.accepted()
    for (let i = 0; ; i++) {
      sent = Date.now()
      const started = performance.now()
      client.socket.write(frame(opcodes.text, `probe ${i}`))
      const came = await Promise.race([nextAfterPings(client), delay(LOST, undefined, { ref: false })])
      if (!came) throw new Error(`no reply in ${LOST / 1000} s`)
      const got = came.payload.toString()
      if (got !== `${prefix}probe ${i}`) throw new Error(`got ${came.opcode} ${got.slice(0, 60)}`)
      parentPort?.postMessage({ sent, took: performance.now() - started })
      await delay(INTERVAL)
    }
  } catch (error) {
    const { message: problem } = error as Error
    if (!patience.tolerates(problem)) parentPort?.postMessage({ sent, problem })
    await delay(INTERVAL)
  }
}

if (!isMainThread && workerData?.probe) {
  const { url, prefix } = workerData.probe
  const repeat = async () => {
    const patience = createPatience()
    for (;;) await echo(url, prefix, patience)
  }
  await Promise.all(Array.from({ length: CLIENTS }, repeat))
}
