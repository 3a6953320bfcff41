import { mkdir, writeFile } from 'node:fs/promises'
import { cpus, release, totalmem, type } from 'node:os'
import { fileURLToPath } from 'node:url'
import { hasEngine } from '../stack/engine.ts'
import { compareWithCommit } from './before.ts'
import { createChart } from './chart.ts'
import { createLoad } from './load.ts'
import { memoryPerConnection } from './memory.ts'
import { startNginx, takeDown } from './nginx.ts'
import { help, type Options, parseOptions } from './options.ts'
import { NODE_FLAGS, type PeerSpec } from './peer.ts'
import { createRelay, nginxName, peers, proxyName } from './peers.ts'
import { createReport } from './report.ts'
import type { Memory, Results } from './results.ts'
import { type Progress, type Rounds, runWorkload, type Sample, takeTurns } from './rounds.ts'
import { startTime } from './start-time.ts'
import { type Visit, visit, visitCompressed } from './visit.ts'
import { titleOf, type WorkloadName, workloads } from './workloads.ts'

const RESULTS = fileURLToPath(new URL('results/', import.meta.url))

const plans = {
  full: { rounds: 10, milliseconds: 1000, memoryRounds: 3, idle: 10_000, starts: 10 },
  quick: { rounds: 3, milliseconds: 300, memoryRounds: 1, idle: 1000, starts: 3 },
}
const DEFLATED = 1000

const started = performance.now()
const progress: Progress = text => {
  const seconds = `${Math.round((performance.now() - started) / 1000)}`.padStart(4)
  process.stderr.write(process.stderr.isTTY ? `\r\x1b[K${seconds} s  ${text}` : `${seconds} s  ${text}\n`)
}

async function measure({ quick, peers: added }: Options): Promise<Results> {
  const plan = quick ? plans.quick : plans.full
  using load = createLoad()
  await using containers = new AsyncDisposableStack()
  const nginx = (await hasEngine()) ? containers.use(await startNginx(nginxName, proxyName, progress)) : undefined
  if (!nginx) console.error('No Docker engine is running, so the rows for NGINX are left out')

  const backend = containers.use(await peers.backend.start())

  const loaded = [peers.raw, peers.rawAgain, peers.ours, peers.verbatim, peers.corked, peers.ws, ...added]
  loaded.push(createRelay(new URL(backend.url).origin))
  if (nginx) loaded.push(nginx.proxy, nginx.spec)
  const rounds = {} as Record<WorkloadName, Rounds<Sample>>
  for (const name of Object.keys(workloads) as WorkloadName[]) {
    const specs = name === 'small' ? [...loaded, peers.debug] : loaded
    rounds[name] = await runWorkload(load, specs, workloads[name], plan, text => progress(`${titleOf(name)}: ${text}`))
  }

  const memory = (specs: PeerSpec[], connections: number, how: Visit, what: string): Promise<Rounds<Memory>> =>
    takeTurns(
      specs,
      plan.memoryRounds,
      async spec => ({ bytes: await memoryPerConnection(spec, how, connections) }),
      text => progress(`memory of ${connections} ${what} connections: ${text}`),
    )
  const { raw, rawAgain, piped, ours, ws, wsDeflate, corked } = peers
  const [cpu] = cpus()

  return {
    date: new Date().toISOString(),
    quick,
    node: process.version,
    flags: NODE_FLAGS.join(' '),
    machine: {
      cpu: cpu?.model ?? 'unknown',
      cores: cpus().length,
      gibibytes: Math.round(totalmem() / 2 ** 30),
      system: `${type()} ${release()}`,
    },
    workloads: rounds,
    idle: { connections: plan.idle, rounds: await memory([piped, raw, ours, ws], plan.idle, visit, 'idle') },
    deflate: {
      connections: DEFLATED,
      rounds: await memory([ours, wsDeflate], DEFLATED, visitCompressed, 'compressed'),
    },
    start: await takeTurns(
      [raw, rawAgain, ours, ws, corked],
      plan.starts,
      async spec => ({ milliseconds: await startTime(spec) }),
      text => progress(`start: ${text}`),
    ),
    compose: nginx?.startTime,
    images: nginx?.images ?? {},
  }
}

async function main(): Promise<void> {
  const options = parseOptions(process.argv.slice(2))
  if (options.help) return console.log(help)
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, async () => {
      console.error('\nStopping')
      await takeDown()
      process.exit(1)
    })
  }
  if (options.before !== undefined) {
    const rounds = options.quick ? plans.quick : { rounds: 40, milliseconds: 300 }
    return console.log(await compareWithCommit(options.before, rounds, progress))
  }
  const results = await measure(options)
  progress('done\n')
  console.log(createReport(results))
  if (options.quick) return
  await mkdir(RESULTS, { recursive: true })
  await writeFile(`${RESULTS}latest.json`, `${JSON.stringify(results, undefined, 2)}\n`)
  await writeFile(`${RESULTS}chart.svg`, createChart(results))
}

try {
  await main()
} catch (error) {
  console.error(`\n${(error as Error).message}`)
  process.exitCode = 1
}
