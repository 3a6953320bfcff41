import { createHistogram } from 'node:perf_hooks'
import { setTimeout } from 'node:timers/promises'
import { type LoadConnection, openLoadConnection } from './load-connection.ts'
import type { Peer } from './peer.ts'
import { createStream } from './stream.ts'

/** A load: the number of connections, the bytes per message, and the messages in flight per connection. */
export type Workload = { connections: number; size: number; inFlight: number }

export type Command =
  | { name: 'open'; peer: Pick<Peer, 'name' | 'url' | 'prefix'>; workload: Workload }
  | { name: 'round'; peer: Pick<Peer, 'name'>; milliseconds: number }
  | { name: 'close' }

/** The result of a round. Latencies are in microseconds. */
export type Round = { messages: number; seconds: number; p50: number; p99: number }

export type Answer = { round: Round | undefined } | { problem: string }

type Open = { workload: Workload; connections: LoadConnection[] }

/** Milliseconds in which all messages in flight at the end of a round must be answered. */
const DRAIN_TIMEOUT = 10_000
/** Milliseconds to wait for an extra reply before connections are closed. */
const LINGER = 50

const latencies = createHistogram()
const open = new Map<string, Open>()

const answer = (message: Answer) => process.send?.(message)

async function openAll({ name, url, prefix }: Pick<Peer, 'name' | 'url' | 'prefix'>, workload: Workload) {
  const stream = createStream({ url, prefix }, workload.size, workload.inFlight)
  const connections = await Promise.all(
    Array.from({ length: workload.connections }, (_, index) =>
      openLoadConnection({
        url,
        stream,
        // Each starts with a different message, so that a reply to the wrong connection is detected.
        first: (index * 37) % stream.count,
        latencies,
        onError: problem => answer({ problem: `${name}, connection ${index + 1}: ${problem}` }),
      }),
    ),
  )
  open.set(name, { workload, connections })
}

async function round(name: string, milliseconds: number): Promise<Round> {
  const { workload, connections } = open.get(name) as Open
  const total = () => connections.reduce((sum, connection) => sum + connection.replies(), 0)
  latencies.reset()
  const before = total()
  const start = performance.now()
  for (const connection of connections) connection.start(workload.inFlight)
  await setTimeout(milliseconds)
  const drained = Promise.all(connections.map(connection => connection.stop()))
  const late = setTimeout(DRAIN_TIMEOUT, 'late', { ref: false })
  if ((await Promise.race([drained, late])) === 'late') {
    const index = connections.findIndex(connection => connection.inFlight() > 0)
    const [lost, replies] = [connections[index]?.inFlight(), connections[index]?.replies()]
    const problem = `after ${replies} replies, ${lost} more did not arrive within ${DRAIN_TIMEOUT / 1000} s`
    answer({ problem: `${name}, connection ${index + 1}: ${problem}` })
  }
  return {
    messages: total() - before,
    seconds: (performance.now() - start) / 1000,
    p50: latencies.percentile(50) / 1000,
    p99: latencies.percentile(99) / 1000,
  }
}

async function closeAll(): Promise<void> {
  await setTimeout(LINGER)
  for (const { connections } of open.values()) for (const connection of connections) connection.close()
  open.clear()
}

process.on('message', async (command: Command) => {
  let result: Round | undefined
  if (command.name === 'open') await openAll(command.peer, command.workload)
  else if (command.name === 'round') result = await round(command.peer.name, command.milliseconds)
  else await closeAll()
  answer({ round: result })
})
process.on('disconnect', () => process.exit())
