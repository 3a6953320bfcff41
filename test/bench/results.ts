import type { Rounds, Sample } from './rounds.ts'
import type { Measured } from './statistics.ts'
import type { WorkloadName } from './workloads.ts'

export type Memory = { bytes: Measured }

/** All results of a run, as written to latest.json. */
export type Results = {
  date: string
  quick: boolean
  node: string
  flags: string
  machine: { cpu: string; cores: number; gibibytes: number; system: string }
  workloads: Record<WorkloadName, Rounds<Sample>>
  /** Bytes per idle connection. */
  idle: { connections: number; rounds: Rounds<Memory> }
  /** Bytes per idle connection that has used permessage-deflate. */
  deflate: { connections: number; rounds: Rounds<Memory> }
  /** Time from the start of a process to its first reply. */
  start: Rounds<{ milliseconds: Measured }>
  /** Seconds from `docker compose up` to healthy. */
  compose: Measured
  /** Bytes of each unpacked image. */
  images: Record<string, number>
}
