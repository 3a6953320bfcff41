import { type ChildProcess, fork } from 'node:child_process'
import { hash } from 'node:crypto'
import { once } from 'node:events'
import { freemem } from 'node:os'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { Orders as AttackerOrders, Progress } from './hostile-attacker.ts'
import type { Attack, Flood } from './hostile-attacks.ts'
import type { Orders as BystanderOrders, Sample } from './hostile-bystander.ts'
import type { Deaths, Stack } from './hostile-stack.ts'
import { createProgram, type PeerSpec } from './peer.ts'
import { peers } from './peers.ts'
import { quartiles } from './statistics.ts'

/** Times until echoes in milliseconds. `isLeast` if some never arrived; those count with the time waited for them. */
export type Echo = { median: number; worst: number; isLeast: boolean }

export type Filled = Progress & {
  deaths: Deaths
  /** The peak memory of the replica's container in bytes. */
  peak: number
  before: Echo
  during: Echo
  after: Echo
  /** Whether the attack was stopped early because this machine was short of memory. */
  isCut: boolean
}

export type Starved = { ours: Echo; bare: Echo }

/** The default duration of an attack and of a flood, in seconds. */
const SECONDS = 5

// Milliseconds.
const HOLD = 2000
const SETTLE = 300
const BEFORE = 1000
const REST = 4500
const AFTER = 1000
const LAST_WAIT = 1500
const STARVED_WAIT = 3000
const BEGUN_BY = 6000

const FILLED_INTERVAL = 20
// A blocked server can seem blocked for one interval less than it is, so this is short.
const STARVED_INTERVAL = 5

/** An attack is stopped when this machine has fewer free bytes than this. */
const RESERVE = 4 * 2 ** 30

const children = new Set<ChildProcess>()
process.on('exit', () => {
  for (const child of children) child.kill('SIGKILL')
})

function startChild(file: string) {
  const child = fork(fileURLToPath(new URL(file, import.meta.url)))
  children.add(child)
  const gone = once(child, 'exit').finally(() => children.delete(child))
  const kill = async () => {
    child.kill('SIGKILL')
    await gone
  }
  return { child, kill, [Symbol.asyncDispose]: kill }
}

function startAttacker(orders: AttackerOrders) {
  const { child, kill, ...rest } = startChild('hostile-attacker.ts')
  let progress: Progress = { hasBegun: false, opened: 0, refused: 0, bytes: 0 }
  child.on('message', (message: Progress) => {
    progress = message
  })
  child.send(orders)
  return { progress: () => progress, kill, ...rest }
}

/** Waits until the attacker begins to send, and returns the time. */
async function begun(attacker: ReturnType<typeof startAttacker>): Promise<number> {
  const giveUp = now() + BEGUN_BY
  while (!attacker.progress().hasBegun && now() < giveUp) await pause(20)
  return now()
}

/** Returns the milliseconds of a clock that all processes of this machine share. */
const now = () => Number(process.hrtime.bigint()) / 1e6

function startBystander(orders: Exclude<BystanderOrders, 'report'>) {
  const { child, kill, ...rest } = startChild('hostile-bystander.ts')
  child.send(orders)
  const samples = async (): Promise<Sample[]> => {
    const answer = once(child, 'message')
    child.send('report')
    const [samples] = await answer
    return samples
  }
  return { samples, kill, ...rest }
}

/** Summarizes the echoes of messages sent between two times. A missing echo counts with the age of its message. */
function echoOf(samples: Sample[], from: number, to: number): Echo {
  const sent = samples.filter(({ at }) => at >= from && at < to)
  const end = now()
  const waits = sent.map(({ at, took }) => took ?? end - at)
  const isLeast = sent.some(({ took }) => took === undefined)
  return { median: quartiles(waits).median, worst: Math.max(...waits), isLeast }
}

/** Waits until every message sent before a time has been echoed, but at most `wait` milliseconds. */
async function lastEchoes(bystander: ReturnType<typeof startBystander>, until: number, wait: number) {
  const end = now() + wait
  for (;;) {
    const samples = await bystander.samples()
    if (now() > end || samples.every(({ at, took }) => at >= until || took !== undefined)) return samples
    await pause(100)
  }
}

/** Attacks a new replica, and measures its memory and a bystander's echoes. */
export async function measureFilled(stack: Stack, name: string, attack: Attack): Promise<Filled> {
  using replica = await stack.renew(attack.env)
  await using bystander = startBystander({ url: replica.bystander, interval: FILLED_INTERVAL })
  await pause(SETTLE + BEFORE)
  const calm = now()
  let start: number
  let isCut = false
  let progress: Progress
  {
    await using attacker = startAttacker({ attack: name, urls: replica.urls })
    start = await begun(attacker)
    const wanted = attack.parts.reduce((sum, { connections }) => sum + connections, 0)
    let end = start + 1000 * (attack.lasts ?? SECONDS)
    const last = Math.max(end, start + 1000 * (attack.opens ?? 0))
    for (; now() < Math.min(end, last) && !isCut; await pause(50)) {
      isCut = freemem() < RESERVE
      if (attacker.progress().opened < wanted) end = Math.max(end, now() + HOLD)
    }
    progress = attacker.progress()
  }
  const stop = now()
  await pause(REST + AFTER)
  const samples = await lastEchoes(bystander, stop + REST + AFTER, LAST_WAIT)
  return {
    ...progress,
    deaths: await replica.deaths(),
    peak: replica.peak(),
    before: echoOf(samples, calm - BEFORE, calm),
    during: echoOf(samples, start, stop),
    after: echoOf(samples, stop + REST, stop + REST + AFTER),
    isCut,
  }
}

/** Floods our server and then an echo of bare TCP, and measures the echoes of a bystander. */
export async function measureStarved(
  name: string,
  flood: Flood,
  connections: number,
  seconds = SECONDS,
): Promise<Starved> {
  const ours = createProgram('ours', { file: '../../server/dist/main.cjs', env: flood.env ?? {} })
  const key = `${hash('sha1', flood.again ?? '')} ${flood.reads} ${connections} ${seconds}`
  const measured = bareEchoes.get(key)
  const starved = {
    ours: await starve(ours, name, connections, seconds),
    bare: measured ?? (await starve(peers.piped, name, connections, seconds)),
  }
  bareEchoes.set(key, starved.bare)
  return starved
}

/**
 * The echoes of bare TCP by flood. The server has backpressure, because unread replies would otherwise fill the memory of
 * this machine.
 */
const bareEchoes = new Map<string, Echo>()

async function starve(spec: PeerSpec, name: string, connections: number, seconds: number): Promise<Echo> {
  await using server = await spec.start()
  const { url } = server
  await using bystander = startBystander({ url, interval: STARVED_INTERVAL })
  await pause(SETTLE)
  const attacker = startAttacker({ flood: name, connections, urls: { ws: [url], page: [url], server: [url] } })
  const start = await begun(attacker)
  const end = start + 1000 * seconds
  while (now() < end && freemem() > RESERVE) await pause(50)
  const stop = now()
  const samples = await lastEchoes(bystander, stop, STARVED_WAIT)
  await attacker.kill()
  return echoOf(samples, start, stop)
}
