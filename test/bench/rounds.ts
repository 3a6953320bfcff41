import type { Load } from './load.ts'
import type { Workload } from './load-process.ts'
import type { PeerSpec } from './peer.ts'
import { type Measured, quartiles, ratios } from './statistics.ts'
import { cpuTime, residentMemory } from './usage.ts'

/** A peer's figures of one round. */
export type Sample = {
  /** Messages per second. */
  speed: Measured
  /** Seconds of CPU per million messages. */
  cpu: Measured
  /** Microseconds from a message to its reply. */
  p50: Measured
  p99: Measured
  /** Resident bytes at the end of the round. */
  memory: Measured
  /** The share of one core that the peer used. Near 1, the peer itself was the bottleneck. */
  busy: Measured
}

/** The samples of each peer by round. The first peer is the base of all ratios. */
export type Rounds<T> = { peer: string; samples: T[] }[]

export type Progress = (text: string) => void

/** Takes one sample of each peer per round. Each round starts with a different peer. */
export async function takeTurns<T, P extends { name: string }>(
  peers: P[],
  count: number,
  sample: (peer: P) => Promise<T>,
  progress: Progress,
): Promise<Rounds<T>> {
  const rounds: Rounds<T> = peers.map(({ name }) => ({ peer: name, samples: [] }))
  for (let number = 0; number < count; number++) {
    for (let turn = 0; turn < peers.length; turn++) {
      const index = (number + turn) % peers.length
      const peer = peers[index] as P
      progress(`round ${number + 1} of ${count}, ${peer.name}`)
      rounds[index]?.samples.push(await sample(peer))
    }
  }
  return rounds
}

/** Loads fresh servers in turn. The first round of each is a warm-up and does not count. */
export async function runWorkload(
  load: Load,
  specs: PeerSpec[],
  workload: Workload,
  duration: { rounds: number; milliseconds: number },
  progress: Progress,
): Promise<Rounds<Sample>> {
  await using servers = new AsyncDisposableStack()
  const peers = await Promise.all(specs.map(async spec => servers.use(await spec.start())))
  for (const peer of peers) {
    progress(`warm-up, ${peer.name}`)
    await load.open(peer, workload)
    await load.round(peer, duration.milliseconds)
  }
  const rounds = await takeTurns(
    peers,
    duration.rounds,
    async peer => {
      const before = cpuTime(peer.pids)
      const { messages, seconds, p50, p99 } = await load.round(peer, duration.milliseconds)
      const after = cpuTime(peer.pids)
      const used = before === undefined || after === undefined ? undefined : after - before
      return {
        speed: messages / seconds,
        cpu: used === undefined ? undefined : (used / messages) * 1e6,
        p50,
        p99,
        memory: residentMemory(peer.pids),
        busy: used === undefined ? undefined : used / seconds,
      }
    },
    progress,
  )
  await load.close()
  return rounds
}

/** Returns a peer's values of a metric by round. */
export const valuesOf = <T>(rounds: Rounds<T>, peer: string, metric: keyof T) =>
  rounds.find(each => each.peer === peer)?.samples.map(sample => sample[metric] as Measured) ?? []

/** Returns the median of a peer's values of a metric. */
export function medianOf<T>(rounds: Rounds<T>, peer: string, metric: keyof T): Measured {
  const values = valuesOf(rounds, peer, metric).filter(value => value !== undefined)
  return values.length > 0 ? quartiles(values).median : undefined
}

/** Returns the quartiles of a peer's values divided by those of another peer, by default the first, in the same rounds. */
export function ratioOf<T>(rounds: Rounds<T>, peer: string, metric: keyof T, base = rounds[0]?.peer ?? '') {
  return ratios(valuesOf(rounds, peer, metric), valuesOf(rounds, base, metric))
}
