import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'
import { connectRaw, frame, nextAfterPings, opcodes } from '../suite/raw-client.ts'
import { PUSHED } from './judge.ts'

/** The test to which the bystanders belong. */
export const BYSTANDER = 'bystander'

// Milliseconds from one echo to the next.
const INTERVAL = 10

/**
 * The echoes of a well-behaved client. `slowest` is the longest time for an echo in milliseconds. `worst` is the same
 * without the time in which the server or the client waited for a processor.
 */
export type BystanderResult = { echoes: number; worst: number; slowest: number; problem: string | undefined }

/** Milliseconds that a thread has waited for a processor so far; 0 without /proc. */
function waitedForProcessor(task: string): number {
  try {
    return Number(readFileSync(`/proc/${task}/schedstat`, 'utf8').split(' ')[1]) / 1e6
  } catch {
    return 0
  }
}

/**
 * Starts a client that sends messages at regular intervals, in a thread of its own. The time for an echo then shows how
 * long other clients kept the server's event loop busy.
 * @param prefix of the server's replies to texts
 * @param pid of the server
 */
export async function startBystander(url: string, prefix: string, pid: number) {
  const worker = new Worker(new URL(import.meta.url), { workerData: { url, prefix, pid } })
  await once(worker, 'message')
  const finished = once(worker, 'message')
  finished.catch(() => {})
  return {
    /** Closes the connection and resolves with the result. */
    async stop(): Promise<BystanderResult> {
      worker.postMessage('stop')
      const [result] = await finished
      await worker.terminate()
      return result
    },
  }
}

async function echoUntilStopped(url: string, prefix: string, pid: number): Promise<BystanderResult> {
  const waited = () => waitedForProcessor(`${pid}/task/${pid}`) + waitedForProcessor('thread-self')
  let isStopped = false
  parentPort?.once('message', () => {
    isStopped = true
  })
  const result: BystanderResult = { echoes: 0, worst: 0, slowest: 0, problem: undefined }
  const client = await connectRaw(`${url}?test-id=${BYSTANDER}`)
  const { socket } = client
  parentPort?.postMessage('connected')
  while (!isStopped && !result.problem) {
    const sent = performance.now()
    const waitedBefore = waited()
    const content = `still here ${result.echoes}`
    socket.write(frame(opcodes.text, content))
    let reply = await nextAfterPings(client)
    // Other clients push messages to all connections.
    while (reply.payload.toString().startsWith(PUSHED)) reply = await nextAfterPings(client)
    const got = reply.payload.toString()
    if (got !== prefix + content) result.problem = `got ${reply.opcode} ${got.slice(0, 60)}`
    result.echoes++
    const took = performance.now() - sent
    result.slowest = Math.max(result.slowest, took)
    result.worst = Math.max(result.worst, took - (waited() - waitedBefore))
    // Without the pause, the bystander itself would load the server.
    await delay(INTERVAL - Math.min(INTERVAL - 1, took))
  }
  socket.end()
  await new Promise(resolve => socket.once('close', resolve))
  return result
}

if (!isMainThread && workerData?.prefix !== undefined) {
  const { url, prefix, pid } = workerData
  parentPort?.postMessage(
    await echoUntilStopped(url, prefix, pid).catch(error => ({
      echoes: 0,
      worst: 0,
      slowest: 0,
      problem: (error as Error).message,
    })),
  )
}
