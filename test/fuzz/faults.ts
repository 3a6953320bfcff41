import { setTimeout as delay } from 'node:timers/promises'
import { startBystander } from './bystander.ts'
import { queryOf } from './parameters.ts'
import { drawScenario, type Scenario } from './scenario.ts'
import { startTarget, type Target } from './target.ts'
import { COUNTED, type Counts } from './triggered.ts'
import { visit } from './visit.ts'

export type FaultFuzzing = {
  seed: number
  /** The number of connections. */
  streams: number
  /** The only connection to open, to investigate a failure. */
  only?: number | undefined
  /** Milliseconds after which no more connections are opened. */
  most?: number
}

const AT_ONCE = 16

// Milliseconds that a bystander's echo may take, which is how long the server's event loop may be blocked.
const WORST = 1000

// Milliseconds in which all connections must be closed at the end.
const LEFT_OVER = 5000

/** Describes a scenario in one line. */
function describe(scenario: Scenario): string {
  const { asked, defaults, earlier, isScoped, ending, frames, pieces, actions, headers, isEarly } = scenario
  const shownActions = actions.map(({ pause, action }) => `${pause} ms ${JSON.stringify(action)}`)
  return [
    `query ?${queryOf(asked)}`,
    `defaults ${JSON.stringify(defaults)}${isScoped ? ' for its test' : ''}, ${earlier.length} handshakes before`,
    `${frames.length} frames in ${pieces.length} pieces${isEarly ? ', the first one early' : ''}`,
    `headers ${JSON.stringify(headers)}`,
    `client's end: ${ending}`,
    ...(actions.length > 0 ? [`control: ${shownActions.join(', ')}`] : []),
  ]
    .join('; ')
    .replace(/(.)\1{40,}/g, '$1…')
}

type Sum = { least: number; most: number; received: number; counts: Counts }

/** Compares a server's metrics with the sums over its connections. */
async function checkMetrics(target: Target, sum: Sum, echoes: number): Promise<void> {
  const metrics = await target.metrics()
  const read = (series: string) => {
    const lines = metrics.split('\n').filter(line => line.startsWith(series))
    return lines.reduce((all, line) => all + Number(line.slice(line.lastIndexOf(' ') + 1)), 0)
  }
  const total = (direction: string) =>
    ['text', 'binary'].reduce(
      (all, opcode) => all + read(`websocket_messages_total{direction="${direction}",opcode="${opcode}"}`),
      0,
    )
  const [received, sent] = [total('received') - echoes, total('sent') - echoes]
  // The bystander also receives pushed messages.
  const most = sum.most + target.broadcasts.size
  if (received !== sum.received) throw new Error(`metrics: ${received} received, the log has ${sum.received}`)
  if (sent < sum.least || sent > most) throw new Error(`metrics: ${sent} sent, expected ${sum.least} to ${most}`)
  // The bystander's handshake.
  const accepted = 'websocket_handshakes_total{outcome="accepted"}'
  const counts: Counts = { ...sum.counts, [accepted]: (sum.counts[accepted] ?? 0) + 1 }
  const counted = metrics.split('\n').filter(line => COUNTED.some(name => line.startsWith(`${name}{`)))
  const expected = Object.entries(counts).map(([series, count]) => `${series} ${count}`)
  const differences = [
    ...counted.filter(line => !expected.includes(line)),
    ...expected.filter(line => !counted.includes(line)).map(line => `expected ${line}`),
  ]
  if (differences.length > 0) throw new Error(`metrics: ${differences.join('\n')}`)
  for (const series of ['websocket_connections_open', 'websocket_buffered_bytes']) {
    if (read(`${series} `) !== 0) throw new Error(`metrics: ${series} is ${read(`${series} `)} at the end`)
  }
}

/** @throws if connections remain open */
async function checkEmpty({ ask }: Target): Promise<void> {
  for (const end = performance.now() + LEFT_OVER; ; await delay(50)) {
    const { body } = await ask('GET', '/connections')
    if (body.connections.length === 0) return
    if (performance.now() > end)
      throw new Error(`connections remain open: ${JSON.stringify(body.connections).slice(0, 500)}`)
  }
}

/**
 * Opens connections with random faults and random actions of the client, and compares everything observable with a model.
 * @returns a summary, with one line for each server
 * @throws an error with everything needed to reproduce the failure
 */
export async function fuzzFaults({ seed, streams, only, most = Number.POSITIVE_INFINITY }: FaultFuzzing) {
  await using plain = await startTarget('plain', '[RE]: ', {})
  await using watched = await startTarget('watched', '', { LOG_LEVEL: 'debug', JOURNAL_SIZE: '64MiB' })
  const targets = [plain, watched]
  const bystanders = await Promise.all(
    targets.map(({ url, prefix, pids }) => startBystander(url, prefix, pids[0] ?? 0)),
  )
  const sums = targets.map((): Sum => ({ least: 0, most: 0, received: 0, counts: {} }))
  const started = performance.now()

  let next = only ?? 0
  let count = 0
  let isFailed = false
  const work = async () => {
    while (!isFailed && next < (only === undefined ? streams : only + 1) && performance.now() - started < most) {
      const stream = next++
      count++
      const scenario = drawScenario(seed, stream)
      const index = stream % targets.length
      const [target, sum] = [targets[index], sums[index]]
      if (!target || !sum) continue
      try {
        const sent = await visit(target, scenario, stream)
        sum.least += sent.least
        sum.most += sent.most
        sum.received += sent.received
        for (const [series, count] of Object.entries(sent.counts))
          sum.counts[series] = (sum.counts[series] ?? 0) + count
      } catch (error) {
        isFailed = true
        const which = `stream ${stream} of the faults of seed ${seed}, on the ${target.name} server`
        throw new Error(`${which}: ${(error as Error).message}\n${describe(scenario)}`)
      }
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, work))

  const lines: string[] = []
  for (const [i, target] of targets.entries()) {
    const result = await bystanders[i]?.stop()
    const sum = sums[i]
    if (!result || !sum) continue
    if (result.problem) throw new Error(`the bystander of the ${target.name} server: ${result.problem}`)
    await checkEmpty(target)
    if (target.log.late.length > 0)
      throw new Error(`log: after the end of its connection ${target.log.late.join('\n')}`)
    await checkMetrics(target, sum, result.echoes)
    const [worst, slowest] = [result.worst, result.slowest].map(milliseconds => `${milliseconds.toFixed(0)} ms`)
    const shown = `the slowest in ${slowest}, ${worst} without waits for a processor`
    lines.push(`${target.name} server: ${result.echoes} echoes of the bystander, ${shown}`)
    if (result.worst > WORST) throw new Error(`seed ${seed}: an echo of the ${target.name} server took ${worst}`)
  }
  const seconds = Math.round((performance.now() - started) / 1000)
  return [`${count} connections with faults in ${seconds} s, seed ${seed}`, ...lines]
}
