import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'
import { connectRaw, frame, nextAfterPings, opcodes } from '../suite/raw-client.ts'
import { PUSHED } from './judge.ts'

// Milliseconds from one echo to the next.
const INTERVAL = 10

/**
 * What a client saw that did nothing but echo. Durations are in milliseconds; `worst` is without the time in which the
 * server or the client waited for a processor, which says nothing of the server.
 */
export type Witness = { echoes: number; worst: number; slowest: number; problem: string | undefined }

/** Milliseconds that the main thread of a process, or this thread, has waited for a processor so far; 0 without /proc. */
function waitedForProcessor(task: string): number {
  try {
    return Number(readFileSync(`/proc/${task}/schedstat`, 'utf8').split(' ')[1]) / 1e6
  } catch {
    return 0
  }
}

/**
 * Echoes on a connection of its own all the while, in a thread of its own: how late an echo is then says how long the
 * server's event loop was busy with others.
 * @param pid of the server
 * @param prefix of the server's replies to texts
 */
export async function startBystander(url: string, prefix: string, pid: number) {
  const worker = new Worker(new URL(import.meta.url), { workerData: { url, prefix, pid } })
  await once(worker, 'message')
  const told = once(worker, 'message')
  told.catch(() => {})
  return {
    /** Closes the connection, and resolves with what was seen. */
    async stop(): Promise<Witness> {
      worker.postMessage('stop')
      const [witness] = await told
      await worker.terminate()
      return witness
    },
  }
}

async function stand(url: string, prefix: string, pid: number): Promise<Witness> {
  const waited = () => waitedForProcessor(`${pid}/task/${pid}`) + waitedForProcessor('thread-self')
  let isDone = false
  parentPort?.once('message', () => {
    isDone = true
  })
  const witness: Witness = { echoes: 0, worst: 0, slowest: 0, problem: undefined }
  const client = await connectRaw(url)
  const { socket } = client
  parentPort?.postMessage('connected')
  while (!isDone && !witness.problem) {
    const sent = performance.now()
    const waitedBefore = waited()
    const content = `still here ${witness.echoes}`
    socket.write(frame(opcodes.text, content))
    let reply = await nextAfterPings(client)
    // Others push to everybody.
    while (reply.payload.toString().startsWith(PUSHED)) reply = await nextAfterPings(client)
    const got = reply.payload.toString()
    if (got !== prefix + content) witness.problem = `got ${reply.opcode} ${got.slice(0, 60)}`
    witness.echoes++
    const took = performance.now() - sent
    witness.slowest = Math.max(witness.slowest, took)
    witness.worst = Math.max(witness.worst, took - (waited() - waitedBefore))
    // A steady rhythm: a bystander that sends without a pause would itself be the load.
    await delay(INTERVAL - Math.min(INTERVAL - 1, took))
  }
  socket.end()
  await new Promise(resolve => socket.once('close', resolve))
  return witness
}

if (!isMainThread && workerData?.prefix !== undefined) {
  const { url, prefix, pid } = workerData
  parentPort?.postMessage(
    await stand(url, prefix, pid).catch(error => ({
      echoes: 0,
      worst: 0,
      slowest: 0,
      problem: (error as Error).message,
    })),
  )
}
