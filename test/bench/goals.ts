import { nginxName, peers } from './peers.ts'
import type { Results } from './results.ts'
import { medianOf, ratioOf, type Sample, valuesOf } from './rounds.ts'
import { type Quartiles, quartiles } from './statistics.ts'
import { titleOf, type WorkloadName } from './workloads.ts'

/** A limit for a measurement. `met` is `undefined` if it could not be measured. */
export type Goal = { what: string; limit: string; value: Quartiles | undefined; met: boolean | undefined }

const ours = peers.ours.name
const verbatim = peers.verbatim.name

/** Returns all goals, and whether the medians meet them. */
export function judge({ workloads, idle, deflate }: Results): Goal[] {
  const goal = (what: string, relation: '≤' | '≥', limit: number, value: Quartiles | undefined, unit = '') => {
    const met = value && (relation === '≤' ? value.median <= limit : value.median >= limit)
    return { what, limit: `${relation} ${limit.toFixed(2).replace(/\.?0+$/, '')}${unit}`, value, met }
  }
  const ratio = (name: WorkloadName, metric: keyof Sample, peer: string, base?: string) =>
    ratioOf(workloads[name], peer, metric, base)
  const both = (what: string, name: WorkloadName, metric: keyof Sample, relation: '≤' | '≥', limit: number) =>
    [ours, verbatim].map(peer => goal(`${what}, ${peer}: ${titleOf(name)}`, relation, limit, ratio(name, metric, peer)))
  const idleBytes = medianOf(idle.rounds, ours, 'bytes') ?? Number.NaN
  const kept = valuesOf(deflate.rounds, ours, 'bytes').flatMap(bytes => (bytes ? [(bytes - idleBytes) / 2 ** 10] : []))

  return [
    ...both('CPU', 'small', 'cpu', '≤', 1.1),
    ...both('CPU', 'pipelined', 'cpu', '≤', 1.3),
    ...both('CPU', 'medium', 'cpu', '≤', 1.2),
    ...both('speed', 'large', 'speed', '≥', 0.9),
    ...both('p50', 'alone', 'p50', '≤', 1.1),
    ...both('p99', 'alone', 'p99', '≤', 1.1),
    goal(
      `memory of an idle connection, as a ratio to ${peers.piped.name}`,
      '≤',
      1.2,
      ratioOf(idle.rounds, ours, 'bytes'),
    ),
    goal(
      'memory kept after compression, over an idle connection',
      '≤',
      40,
      kept.length > 0 ? quartiles(kept) : undefined,
      ' KiB',
    ),
    goal(
      `CPU, ${nginxName}, as a ratio to ours: ${titleOf('small')}`,
      '≤',
      2.5,
      ratio('small', 'cpu', nginxName, ours),
    ),
    goal(
      `speed, ${peers.debug.name}, as a ratio to ours: ${titleOf('small')}`,
      '≥',
      1 / 3,
      ratio('small', 'speed', peers.debug.name, ours),
    ),
  ]
}
