import type { Workload } from './load-process.ts'

const KiB = 2 ** 10

/** The loads of the bench. */
export const workloads = {
  small: { connections: 100, size: 20, inFlight: 1 },
  pipelined: { connections: 100, size: 20, inFlight: 16 },
  medium: { connections: 100, size: KiB, inFlight: 1 },
  large: { connections: 4, size: KiB ** 2, inFlight: 1 },
  alone: { connections: 1, size: 20, inFlight: 1 },
} satisfies Record<string, Workload>

export type WorkloadName = keyof typeof workloads

/** Describes a workload. */
export function titleOf(name: WorkloadName): string {
  const { connections, size, inFlight } = workloads[name]
  const bytes = size < KiB ? `${size} bytes` : size < KiB ** 2 ? `${size / KiB} KiB` : `${size / KiB ** 2} MiB`
  return `${connections} connection${connections > 1 ? 's' : ''}, ${bytes}, ${inFlight} in flight`
}
