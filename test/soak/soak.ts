import { writeFile } from 'node:fs/promises'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { residentMemory } from '../bench/usage.ts'
import { addressOf, docker, startStack } from '../stack/stack.ts'
import { createChart, type Sample } from './chart.ts'
import { busy, compressed, faulty, idle, malformed, PREFIX, type Soak, slow } from './clients.ts'
import { environment, startHostile } from './hostile.ts'
import { type Echo, startProbe } from './probe.ts'

const help = `Usage: npm run soak -- [options]

Loads the composed stack with many kinds of clients at once (idle, busy, slow, compressing, malformed, with faults) while
replicas are killed and restarted. Verifies every reply. Exits with 1 after a wrong reply or an unexpected close code.
Writes test/soak/memory.svg.

Hostile clients try to take memory and time from the others: they leave compressed messages unfinished, let delayed
replies pile up, never read, send before the handshake is answered, and more. With them, the soak also fails if a replica
uses more than 700 MiB, if the median of the probes' echoes exceeds 100 ms, or if one echo takes more than 5 s. Without
them, it also fails if memory grows.

  --minutes 10     duration
  --no-hostile     leave out the hostile clients
  --help           show this help`

const CHART = fileURLToPath(new URL('memory.svg', import.meta.url))
const MiB = 2 ** 20

// Milliseconds after the end of a replica in which connections may end or be refused.
const AFTERMATH = 5000
const BETWEEN_KILLS = 12_000

// Limits with hostile clients: bytes of one replica, and milliseconds for the probes' echoes.
const MOST_MEMORY = 700 * MiB
const MEDIAN = 100
// Connections of good clients before the hostile clients start.
const HEAD_START = 150
const WORST = 5000

const clients: [count: number, (soak: Soak, index: number) => Promise<void>][] = [
  [100, idle],
  [40, soak => busy(soak, 100, 4)],
  [4, soak => busy(soak, 65_536, 2)],
  [10, slow],
  [10, compressed],
  [10, faulty],
  [10, (soak, index) => malformed(soak, index * 1e6)],
]

async function run(minutes: number, isHostile: boolean): Promise<void> {
  const { client, servers, ws, down } = await startStack({
    replicas: 3,
    build: true,
    env: isHostile ? environment : {},
  })
  const addresses = async () => {
    const hosts = await Promise.all(servers.map(server => addressOf(server).catch(() => '')))
    // A stopped replica has no address.
    return hosts.filter(host => host !== '').map(host => `ws://${host}:7777/`)
  }
  let attackers: ReturnType<typeof startHostile> | undefined
  let probe: ReturnType<typeof startProbe> | undefined
  try {
    const started = performance.now()
    const seconds = () => (performance.now() - started) / 1000
    const end = minutes * 60
    const failure = Promise.withResolvers<never>()
    failure.promise.catch(() => {})
    let isOver = false
    let disturbedUntil = 0
    let [connections, messages, lost] = [0, 0, 0]
    const kills: number[] = []

    const isDisturbed = () => performance.now() < disturbedUntil
    const soak: Soak = {
      url: ws,
      isOver: () => isOver,
      mayEnd: code => (code === 1001 || code === 1006) && isDisturbed(),
      connected: () => connections++,
      answered: count => (messages += count),
      lost: () => lost++,
      fail: problem => failure.reject(new Error(`after ${seconds().toFixed(1)} s: ${problem}`)),
    }

    const pidsOf = async (container: { getId(): string }) => {
      const top = await docker('top', container.getId(), '-eo', 'pid').catch(() => '')
      return (top.match(/\d+/g) ?? []).map(Number)
    }
    const samples: Sample[] = []
    let mostOfOne = 0
    const echoes: number[] = []
    const onEcho = (echo: Echo) => {
      if (isOver || isDisturbed()) return
      if ('problem' in echo) return soak.fail(`a probe: ${echo.problem}`)
      echoes.push(echo.took)
      if (isHostile && echo.took > WORST) soak.fail(`a probe's echo took ${Math.round(echo.took)} ms`)
    }
    const watch = async () => {
      for (; !isOver; await delay(1000)) {
        const [nginx = [], ...replicas] = await Promise.all([client, ...servers].map(pidsOf))
        // A process that is ending may have no memory figure.
        const memories = replicas.map(pids => residentMemory(pids) || 0)
        mostOfOne = Math.max(mostOfOne, ...memories)
        if (isHostile && mostOfOne > MOST_MEMORY) {
          soak.fail(`the replicas use ${memories.map(bytes => Math.round(bytes / MiB)).join(', ')} MiB`)
        }
        samples.push({ at: seconds(), server: residentMemory(replicas.flat()) ?? 0, nginx: residentMemory(nginx) ?? 0 })
      }
    }
    const kill = async () => {
      for (let i = 0; ; i++) {
        await delay(BETWEEN_KILLS)
        if (isOver || seconds() > end - 8) return
        const id = servers[i % servers.length]?.getId() ?? ''
        kills.push(seconds())
        disturbedUntil = Number.POSITIVE_INFINITY
        if (i % 2 === 0) {
          await docker('kill', id)
          await docker('start', id)
        } else {
          await docker('restart', id)
        }
        disturbedUntil = performance.now() + AFTERMATH
        attackers?.direct(await addresses())
      }
    }

    probe = startProbe(ws, PREFIX, onEcho)
    const attack = async () => {
      // The good clients start first, because preparing them takes a while.
      while (!isOver && connections < HEAD_START) await delay(100)
      if (!isOver) attackers = startHostile({ url: ws, replicas: await addresses() })
    }
    const working: Promise<unknown> = Promise.all([
      ...(isHostile ? [attack()] : []),
      watch(),
      kill(),
      ...clients.flatMap(([count, visit]) => Array.from({ length: count }, (_, index) => visit(soak, index))),
    ])
    const problem = await Promise.race([delay(end * 1000), working, failure.promise]).catch((error: Error) => error)
    isOver = true
    await Promise.all([probe.stop(), attackers?.stop()])
    if (isHostile && !attackers && !problem)
      throw new Error('the hostile clients never started, because the good ones took too long')
    if (!problem) await Promise.race([working, failure.promise, delay(30_000)])

    const caption = `${Math.round(seconds())} s: ${connections} connections, ${messages} replies verified, ${kills.length} kills, ${lost} connections lost by them`
    await writeFile(CHART, createChart(samples, kills, caption))
    console.log(caption)
    const sorted = echoes.toSorted((a, b) => a - b)
    const [median = 0, worst = 0] = [sorted[Math.floor(sorted.length / 2)], sorted.at(-1)]
    const most = Math.round(mostOfOne / MiB)
    console.log(
      `${echoes.length} echoes of the probes while all replicas were running: median ${median.toFixed(1)} ms, slowest ${worst.toFixed(0)} ms; at most ${most} MiB in a replica`,
    )
    if (attackers) console.log(`attacked by: ${attackers.names.join('; ')}`)
    if (problem) throw problem
    if (isHostile && median > MEDIAN) throw new Error(`the median of the echoes is ${median.toFixed(0)} ms`)
    judge(samples, isHostile)
  } finally {
    await Promise.all([probe?.stop(), attackers?.stop()])
    await down()
  }
}

/** Without hostile clients, @throws if memory in the last third is much higher than in the second third. */
function judge(samples: Sample[], isHostile: boolean): void {
  const third = Math.floor(samples.length / 3)
  const median = (from: number, key: 'server' | 'nginx') =>
    samples
      .map(sample => sample[key])
      .slice(from, from + third)
      .toSorted((a, b) => a - b)[Math.floor(third / 2)] ?? 0
  for (const key of ['server', 'nginx'] as const) {
    const [before, after] = [median(third, key), median(2 * third, key)]
    console.log(
      `memory of ${key}: ${Math.round(before / MiB)} MiB in the second third, ${Math.round(after / MiB)} MiB in the last`,
    )
    // With hostile clients, memory has a fixed limit instead.
    if (!isHostile && after > 1.3 * before + 50 * MiB) throw new Error(`memory of ${key} has grown`)
  }
}

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '10' },
    hostile: { type: 'boolean', default: true },
    help: { type: 'boolean', default: false },
  },
  allowNegative: true,
})
if (values.help) {
  console.log(help)
} else if (!(Number(values.minutes) > 0)) {
  console.error('--minutes must be a positive number')
  process.exitCode = 1
} else {
  try {
    await run(Number(values.minutes), values.hostile)
    process.exit(0)
  } catch (error) {
    console.error((error as Error).message)
    process.exit(1)
  }
}
