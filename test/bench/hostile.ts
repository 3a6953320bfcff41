import { parseArgs } from 'node:util'
import { hasEngine } from '../stack/engine.ts'
import { attacks, floods } from './hostile-attacks.ts'
import { type Echo, type Filled, measureFilled, measureStarved, type Starved } from './hostile-measure.ts'
import { type Stack, startStack } from './hostile-stack.ts'
import { formatNumber, formatTable } from './table.ts'

const help = `Usage: npm run bench:hostile -- [options]

Attacks the composed stack and the server, and measures how long a well-behaved client waits for its echoes.
Exits with 1 if a goal is missed.

  --quick        run only a few attacks, in about two minutes
  --only NAME    run only this attack; can be repeated; "filled" and "starved" stand for a whole table
  --help         show this help

Filled, against the composed stack:
  ${Object.keys(attacks).join(', ')}
Starved, against the server alone:
  ${Object.keys(floods).join(', ')}`

const MiB = 2 ** 20

/** The goals, in bytes and milliseconds. */
const GOALS = { peak: 700 * MiB, median: 100, more: 50 }
const FLOODERS = [1, 50]
const QUICK_SECONDS = 3
/** Milliseconds after which attacks get no extra time to open connections, so that the run ends within 15 minutes. */
const UNHURRIED = 5 * 60_000

const started = performance.now()
const progress = (text: string) =>
  console.error(`${((performance.now() - started) / 1000).toFixed(0).padStart(4)} s  ${text}`)

const milliseconds = (value: number, isLeast = false) =>
  `${isLeast ? '> ' : ''}${Math.abs(value) < 10 ? value.toFixed(1) : Math.round(value).toLocaleString('en')}`
const medianOf = ({ median, isLeast }: Echo) => milliseconds(median, isLeast && median >= GOALS.median)
const verdictOf = (missed: string[]) => (missed.length === 0 ? 'met' : `missed: ${missed.join(', ')}`)

const missedBy = {
  filled({ deaths, peak, during, after }: Filled): string[] {
    const missed: string[] = []
    if (deaths.count > 0) missed.push('alive')
    if (peak >= GOALS.peak) missed.push('memory')
    if (!(during.median < GOALS.median)) missed.push('during')
    if (!(after.median < GOALS.median)) missed.push('after')
    return missed
  },
  starved: ({ ours, bare }: Starved) => (ours.worst - bare.worst <= GOALS.more ? [] : ['worst']),
}

function livesOf({ deaths, isCut }: Filled): string {
  const cut = isCut ? ', stopped early' : ''
  if (deaths.count === 0) return `yes${cut}`
  const how = deaths.isOutOfMemory ? 'OOMKilled' : `exit ${[...new Set(deaths.exitCodes)].join(', ')}`
  return `no: ${how}, restarts ${deaths.count}${cut}`
}

/** @returns whether all goals were met */
async function printFilled(names: string[], stack: Stack): Promise<boolean> {
  const rows: string[][] = []
  let isMet = true
  for (const name of names) {
    const attack = attacks[name]
    if (!attack) continue
    progress(`filled: ${name}`)
    const isLate = performance.now() - started > UNHURRIED
    const filled = await measureFilled(stack, name, isLate ? { ...attack, opens: 0 } : attack)
    const missed = missedBy.filled(filled)
    if (missed.length > 0) isMet = false
    const wanted = attack.parts.reduce((sum, { connections }) => sum + connections, 0)
    rows.push([
      `${name}: ${attack.sends}`,
      `${filled.opened} of ${wanted}`,
      formatNumber(filled.bytes / MiB),
      livesOf(filled),
      formatNumber(filled.peak / MiB),
      ...[filled.before, filled.during, filled.after].map(medianOf),
      verdictOf(missed),
    ])
    progress(`        ${rows.at(-1)?.slice(1).join(' | ')}`)
  }
  console.log('\n## Filled\n\nThe composed stack; medians of echoes in ms.\n')
  const goals = ['goal', '', '', 'yes', `< ${GOALS.peak / MiB}`, '', `< ${GOALS.median}`, `< ${GOALS.median}`, '']
  const header = ['attack', 'connections', 'MiB sent', 'alive', 'peak MiB', 'before', 'during', '5 s after', 'goals']
  console.log(formatTable(header, [goals, ...rows]))
  return isMet
}

/** @returns whether all goals were met */
async function printStarved(names: string[], seconds?: number): Promise<boolean> {
  const rows: string[][] = []
  let isMet = true
  for (const name of names) {
    const flood = floods[name]
    if (!flood) continue
    for (const connections of FLOODERS) {
      progress(`starved: ${name}, ${connections}`)
      const starved = await measureStarved(name, flood, connections, seconds)
      const missed = missedBy.starved(starved)
      if (missed.length > 0) isMet = false
      const { ours, bare } = starved
      rows.push([
        `${name}: ${flood.sends}${flood.reads ? '' : ', and reads nothing'}`,
        `${connections}`,
        ...[ours, bare].flatMap(echo => [medianOf(echo), milliseconds(echo.worst, echo.isLeast)]),
        milliseconds(ours.worst - bare.worst, ours.isLeast),
        verdictOf(missed),
      ])
      progress(`        ${rows.at(-1)?.slice(1).join(' | ')}`)
    }
  }
  console.log('\n## Starved\n\nThe server alone, and an echo of bare TCP; echoes in ms.\n')
  const goals = ['goal', '', '', '', '', '', `≤ ${GOALS.more}`, '']
  const header = ['flood', 'connections', 'median', 'worst', 'bare: median', 'worst', 'worst: more', 'goals']
  console.log(formatTable(header, [goals, ...rows]))
  return isMet
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      quick: { type: 'boolean', default: false },
      only: { type: 'string', multiple: true, default: [] },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) return console.log(help)
  const { quick, only } = values
  const unknown = only.find(name => !(name in attacks || name in floods || name === 'filled' || name === 'starved'))
  if (unknown !== undefined) throw new Error(`--only ${unknown}: expected a name from the list in --help`)
  const chosen = (group: string, table: Record<string, { quick?: true }>) =>
    Object.keys(table).filter(name => {
      if (quick && !table[name]?.quick) return false
      return only.length === 0 || only.includes(name) || only.includes(group)
    })
  const filled = chosen('filled', attacks)
  const starved = chosen('starved', floods)

  let isMet = true
  if (filled.length > 0 && (await hasEngine())) {
    progress('docker compose up --build')
    const starting = startStack()
    const stop = async () => {
      console.error('\nStopping')
      await (await starting.catch(() => undefined))?.[Symbol.asyncDispose]()
      process.exit(1)
    }
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, stop)
    await using stack = await starting
    isMet = (await printFilled(filled, stack)) && isMet
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.off(signal, stop)
  } else if (filled.length > 0) {
    console.error('No Docker engine is running, so the table "Filled" is left out')
  }
  if (starved.length > 0) isMet = (await printStarved(starved, quick ? QUICK_SECONDS : undefined)) && isMet
  if (!isMet) process.exitCode = 1
}

try {
  await main()
} catch (error) {
  console.error(`\n${(error as Error).message}`)
  process.exitCode = 1
}
