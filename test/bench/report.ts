import { judge } from './goals.ts'
import { peers } from './peers.ts'
import type { Results } from './results.ts'
import { medianOf, type Rounds, ratioOf, type Sample } from './rounds.ts'
import { formatNumber, formatRatio, formatTable } from './table.ts'
import { titleOf, type WorkloadName } from './workloads.ts'

type Column<T> = { title: string; metric: keyof T; unit?: number; ratio?: boolean }

const KiB = 2 ** 10

const columns: Column<Sample>[] = [
  { title: 'messages/s', metric: 'speed', ratio: true },
  { title: 'CPU s/million', metric: 'cpu', ratio: true },
  { title: 'busy', metric: 'busy' },
  { title: 'p50 µs', metric: 'p50', ratio: true },
  { title: 'p99 µs', metric: 'p99', ratio: true },
  { title: 'MiB', metric: 'memory', unit: KiB ** 2 },
]

/** Writes all results as Markdown: medians, and the medians and quartiles of ratios. */
export function createReport(results: Results): string {
  const { machine, idle, deflate, start, compose, images } = results
  const goals = judge(results).map(({ what, limit, value, met }) => [
    what,
    limit,
    formatRatio(value),
    met === undefined ? 'n/a' : met ? 'met' : 'missed',
  ])
  const memory: Column<{ bytes: number | undefined }>[] = [
    { title: 'KiB per connection', metric: 'bytes', unit: KiB, ratio: true },
  ]
  return [
    `${captionOf(results)}. Ratios are to ${peers.raw.name}, with their quartiles. Differences within those of`,
    `"${peers.rawAgain.name}", which is the same server, are noise.\n`,
    ...(Object.keys(results.workloads) as WorkloadName[]).map(name => createSection(name, results.workloads[name])),
    section(`Memory at ${idle.connections} idle connections, as ratios to ${peers.piped.name}`, memory, idle.rounds),
    section(`The same at ${deflate.connections} after one compressed message each`, memory, deflate.rounds),
    section('Start of the process to the first reply', [{ title: 'ms', metric: 'milliseconds', ratio: true }], start),
    `### docker compose up, to healthy\n\n${compose === undefined ? 'n/a' : `${formatNumber(compose)} s`}\n`,
    `### Size of the images, in MB\n\n${formatTable(
      ['image', 'unpacked'],
      Object.entries(images).map(([name, bytes]) => [name, formatNumber(bytes / 1e6)]),
    )}\n`,
    `### Goals\n\n${formatTable(['goal', 'limit', 'measured', ''], goals)}`,
    `\nThe servers shared ${machine.cores} cores with everything else on this machine, which affects the figures.`,
  ].join('\n')
}

/** Writes the section of one workload. */
export const createSection = (name: WorkloadName, rounds: Rounds<Sample>): string =>
  section(titleOf(name), columns, rounds)

/** Describes when, and on which machine, results were measured. */
export function captionOf({ machine, date, node, flags, quick }: Results): string {
  const { cpu, cores, gibibytes, system } = machine
  return `${date.slice(0, 10)}, ${cores} × ${cpu}, ${gibibytes} GiB, ${system}, Node ${node} ${flags}${quick ? ', --quick' : ''}`
}

function section<T>(title: string, columns: Column<T>[], rounds: Rounds<T>): string {
  const header = columns.flatMap(column => (column.ratio ? [column.title, 'ratio'] : [column.title]))
  const rows = rounds.map(({ peer }) => [
    peer,
    ...columns.flatMap(({ metric, unit = 1, ratio }) => {
      const value = medianOf(rounds, peer, metric)
      const cell = formatNumber(value === undefined ? undefined : value / unit)
      return ratio ? [cell, formatRatio(ratioOf(rounds, peer, metric))] : [cell]
    }),
  ])
  return `### ${title}\n\n${formatTable(['', ...header], rows)}\n`
}
