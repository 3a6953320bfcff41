import { BYSTANDER } from './bystander.ts'
import type { Handshake } from './handshakes.ts'
import type { Scenario } from './scenario.ts'
import type { ConnectionLog, Target } from './target.ts'

/** Numbers by series of the metrics. */
export type Counts = Record<string, number>

/** The series that count handshakes and faults. */
export const COUNTED = ['websocket_handshakes_total', 'websocket_faults_total']

/** The numbers of messages that each of these faults has dropped. */
export type Lost = { loss: number; 'up-loss': number }

type FaultEntry = { connection: number | null; testId?: string; address: string; fault: string }

/** Returns the faults that the log of a connection names, in order. */
export const faultsIn = ({ lines }: ConnectionLog): string[] =>
  lines.filter(({ msg }) => msg === 'Triggered a fault').map(({ fault }) => String(fault))

/** Returns the faults that take effect before a connection opens, or in its place. */
function before({ answer, faults }: Handshake): string[] {
  if (answer.triggered !== undefined) return [answer.triggered]
  const wait = faults['handshake-delay']
  return answer.outcome === 'accepted' && wait ? [`handshake-delay=${wait}ms`] : []
}

/**
 * Adds a handshake and its connection to the expected metrics.
 * @param log of the connection. `undefined` if the handshake was refused.
 */
export function addTo(counts: Counts, handshake: Handshake, log?: ConnectionLog, lost?: Lost): void {
  const add = (series: string, count = 1) => {
    counts[series] = (counts[series] ?? 0) + count
  }
  add(`websocket_handshakes_total{outcome="${handshake.answer.outcome}"}`)
  const ofConnection = log ? [...handshake.opening, ...faultsIn(log)] : []
  for (const fault of [...before(handshake), ...ofConnection]) {
    add(`websocket_faults_total{fault="${fault.split('=', 1)[0]}"}`)
  }
  for (const [fault, count] of Object.entries(lost ?? {})) {
    if (count > 0) add(`websocket_faults_total{fault="${fault}"}`, count)
  }
}

/** @throws if the log of a connection says anything else about its faults */
export function checkConnected({ lines }: ConnectionLog, { logged }: Handshake): void {
  const [line = {}] = lines
  for (const [name, wanted] of Object.entries({ ...logged, ignored: undefined })) {
    const got = line[name]
    const isRight = wanted === undefined ? got === undefined : String(got).startsWith(wanted.slice(0, 200))
    if (!isRight) throw new Error(`log: ${name}=${got}, expected ${wanted}`)
  }
}

/** Compares the faults that the journal has for a connection with its log. @throws an error with the difference */
export async function checkFaults(
  { ask }: Target,
  { testId, address, handshake }: Scenario,
  log: ConnectionLog,
  lost: Lost,
): Promise<void> {
  const { body } = await ask('GET', `/messages?connection=${log.id}`)
  const kept = body.faults as FaultEntry[]
  if (kept.some(entry => entry.testId !== testId || entry.address !== address || entry.connection !== log.id)) {
    throw new Error(`journal: the faults of test ${testId} and ${address} are ${JSON.stringify(kept)}`)
  }
  const isLoss = ({ fault }: FaultEntry) => /^(up-)?loss=/.test(fault)
  const all = kept.filter(entry => !isLoss(entry)).map(({ fault }) => fault)
  // Those on the way in open after the others, when one of these may have ended the connection.
  const isUp = (fault: string) => fault.startsWith('up-')
  const got = [...all.filter(fault => !isUp(fault)), ...all.filter(isUp).sort()]
  const opening = handshake.opening.filter(fault => !isUp(fault))
  const count = opening.length
  // Those of the opening come in any order.
  got.splice(0, count, ...got.slice(0, count).sort())
  const wanted = [...opening.sort(), ...faultsIn(log), ...handshake.opening.filter(isUp).sort()]
  if (got.join('\n') !== wanted.join('\n')) throw new Error(`journal: expected the faults ${wanted}, got ${got}`)
  for (const [name, count] of Object.entries(lost)) {
    const losses = kept.filter(({ fault }) => fault.startsWith(`${name}=`)).length
    if (losses !== count) throw new Error(`journal: ${name} dropped ${losses} messages, expected ${count}`)
  }
}

/** Compares the faults of a client's handshakes with the journal. @throws an error with the difference */
export async function checkHandshakes({ ask }: Target, scenario: Scenario): Promise<void> {
  const { address, earlier, handshake, testId } = scenario
  const wanted = [...earlier, handshake].flatMap(before)
  if (testId === undefined && wanted.length === 0) return
  // The journal of all would be long with that of the bystander.
  if (testId === undefined) await ask('DELETE', `/messages?for=${BYSTANDER}`)
  const { body } = await ask('GET', `/messages${testId === undefined ? '' : `?for=${encodeURIComponent(testId)}`}`)
  const all = body.faults as FaultEntry[]
  const others = [...all, ...body.messages].filter(entry => entry.testId !== testId)
  if (testId !== undefined && others.length > 0) {
    throw new Error(`journal: that of ${testId} has ${JSON.stringify(others).slice(0, 500)}`)
  }
  const kept = all.filter(entry => entry.connection === null && entry.address === address)
  const got = kept.map(({ fault }) => fault)
  const isRight = got.join('\n') === wanted.join('\n') && kept.every(entry => entry.testId === testId)
  if (!isRight) throw new Error(`journal: expected the handshakes' faults ${wanted}, got ${JSON.stringify(kept)}`)
}

/** Checks how many connections were counted for `times`. @throws an error with the difference */
export async function checkCount({ ask }: Target, { address, asked, earlier, handshake }: Scenario): Promise<void> {
  if (asked.times === undefined) return
  const used = [...earlier, handshake].filter(
    ({ answer, logged }) => answer.outcome !== 'query' && logged.usedUp === undefined,
  ).length
  const { body } = await ask('GET', '/keys')
  const counts = body.keys as { key: string; times: number; used: number }[]
  const count = counts.find(({ key }) => key === (asked.key ?? address))
  const isRight = used === 0 ? !count : count?.used === used && count.times === Number(asked.times)
  if (!isRight) throw new Error(`keys: expected ${used} of ${asked.times}, got ${JSON.stringify(count)}`)
}
