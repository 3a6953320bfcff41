import { writeFile } from 'node:fs/promises'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { residentMemory } from '../bench/usage.ts'
import { docker, startStack } from '../stack/stack.ts'
import { createChart, type Sample } from './chart.ts'
import { chatter, compressed, faulty, hostile, idle, type Soak, slow } from './clients.ts'

const help = `Usage: npm run soak -- [options]

Loads the composed stack with idle, chatty, slow, compressing, hostile and faulty clients at once while replicas are
killed and restarted, and verifies every reply. Ends with 1 on a wrong one, an unexpected close code, or memory that
grows. Writes test/soak/memory.svg.

  --minutes 10   how long
  --help         shows this`

const CHART = fileURLToPath(new URL('memory.svg', import.meta.url))
const MiB = 2 ** 20

// Milliseconds after a replica was taken away in which connections may end, or be refused.
const AFTERMATH = 5000
const BETWEEN_KILLS = 12_000

const clients: [count: number, (soak: Soak, index: number) => Promise<void>][] = [
  [100, idle],
  [40, soak => chatter(soak, 100, 4)],
  [4, soak => chatter(soak, 65_536, 2)],
  [10, slow],
  [10, compressed],
  [10, faulty],
  [10, (soak, index) => hostile(soak, index * 1e6)],
]

async function run(minutes: number): Promise<void> {
  const { client, servers, ws, down } = await startStack({ replicas: 3, build: true })
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

    const soak: Soak = {
      url: ws,
      isOver: () => isOver,
      mayEnd: code => (code === 1001 || code === 1006) && performance.now() < disturbedUntil,
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
    const watch = async () => {
      for (; !isOver; await delay(1000)) {
        const [nginx = [], ...replicas] = await Promise.all([client, ...servers].map(pidsOf))
        samples.push({ at: seconds(), server: residentMemory(replicas.flat()) ?? 0, nginx: residentMemory(nginx) ?? 0 })
      }
    }
    const kill = async () => {
      // One third in, memory is warm, and from then on nobody but the load makes it grow.
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
      }
    }

    const working = Promise.all([
      watch(),
      kill(),
      ...clients.flatMap(([count, visit]) => Array.from({ length: count }, (_, index) => visit(soak, index))),
    ])
    await Promise.race([delay(end * 1000), working, failure.promise])
    isOver = true
    await Promise.race([working, failure.promise, delay(30_000)])

    const caption = `${Math.round(seconds())} s: ${connections} connections, ${messages} replies verified, ${kills.length} kills, ${lost} ends by them`
    await writeFile(CHART, createChart(samples, kills, caption))
    console.log(caption)
    judge(samples)
  } finally {
    await down()
  }
}

/** @throws when the last third of the time took much more memory than the one before */
function judge(samples: Sample[]): void {
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
    if (after > 1.3 * before + 50 * MiB) throw new Error(`memory of ${key} has grown`)
  }
}

const { values } = parseArgs({
  options: { minutes: { type: 'string', default: '10' }, help: { type: 'boolean', default: false } },
})
if (values.help) {
  console.log(help)
} else if (!(Number(values.minutes) > 0)) {
  console.error('--minutes: expected a positive number')
  process.exitCode = 1
} else {
  try {
    await run(Number(values.minutes))
    process.exit(0)
  } catch (error) {
    console.error((error as Error).message)
    process.exit(1)
  }
}
