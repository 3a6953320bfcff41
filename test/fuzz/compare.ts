import { opcodes } from '../suite/raw-client.ts'
import type { Judge } from './judge.ts'
import type { ControlAction, Scenario } from './scenario.ts'
import type { ConnectionLog, Target } from './target.ts'
import type { Counts } from './triggered.ts'
import { checkConnected, checkFaults, faultsIn } from './triggered.ts'

const { text, binary, pong } = opcodes

// Milliseconds by which a timer may fire early, because clocks are rounded.
const EARLY = 2

// Upper limits for a connection that was cut, whose client did not see all messages.
const ANY_PUSHES = 100
const ANY_TICKS = 10_000

/**
 * The messages that the server sent on one connection, as a lower and an upper limit, those that it received, and the
 * handshakes and faults that the metrics must count.
 */
export type Sent = { least: number; most: number; received: number; counts: Counts }

/** The course of a connection, as its client saw it. */
export type Outcome = {
  /** Whether it ended without a reset, and the client stayed to its end. */
  isWhole: boolean
  /** Whether the client left early, or a reset was requested. */
  mayBeCut: boolean
  /** Bytes after the last complete frame. */
  rest: Buffer
  /** How the client ended the connection; `itself` if one of its frames did. */
  ending: Scenario['ending'] | 'itself'
  sentClose: number | undefined
  /** Whether the client closed first, and the milliseconds until the server's close frame came. */
  isAnswerDue: boolean
  answeredAfter: number
  /** The request to the control port that ended the connection, according to its response. */
  endedByControl: ControlAction | undefined
  controlCodes: number[]
  /** Messages pushed only to this connection, and whether the control port accepted them. */
  pushed: ReadonlyMap<string, 'asked' | 'sent' | 'refused'>
}

const fail = (problem: string): never => {
  throw new Error(problem)
}

export const show = ({ seen, ...summary }: Judge['summary']): string => JSON.stringify({ ...summary, seen: seen.size })

/**
 * Compares the log and the journal of a connection that has ended with what its client saw.
 * @throws an error that describes the first difference
 */
export async function compare(
  target: Target,
  scenario: Scenario,
  judge: Judge,
  log: ConnectionLog,
  outcome: Outcome,
): Promise<Omit<Sent, 'counts'>> {
  const { faults, expected } = scenario
  const { isTriggered, mayTrigger, messages } = judge
  const { rest, ending, sentClose, endedByControl, controlCodes, pushed } = outcome
  const isStalled = faults.stall !== undefined && mayTrigger
  const has = (msg: string) => log.lines.filter(line => line.msg === msg)
  const gaveUp = has('Gave up the connection').length > 0
  if (gaveUp && faults.ping !== 10) fail('the server gave up the connection')
  const isGraceful = outcome.isWhole && !outcome.mayBeCut && !gaveUp
  if (!isGraceful && !outcome.mayBeCut && !gaveUp) fail('the connection was reset')
  const isHalf = judge.isUnfinished(rest)
  const { summary } = judge
  if (isGraceful && rest.length > 0 && !isHalf) fail(`it ended within a frame: ${rest.toString('hex', 0, 20)}`)

  // Replies and pushed messages that must have arrived.
  const isSure = isGraceful && !endedByControl && !isStalled && !expected.isFailed
  // Whether the fault ends the connection.
  const isEnding = faults.corrupt === undefined || faults.corrupt === 'unfinished'
  const isTriggeredByTime = mayTrigger && !isTriggered && isEnding
  const { delay = 0, jitter = 0, 'up-delay': upDelay = 0, 'up-jitter': upJitter = 0 } = faults
  const keepsOrder = delay + jitter + upDelay + upJitter === 0
  const isPatient = ending === 'patient'
  const mustBeWhole = isSure && !isTriggeredByTime && (isPatient || (keepsOrder && !(isTriggered && isEnding)))
  if (mustBeWhole && summary.answered !== summary.due) fail(`incomplete: ${show(summary)}`)
  if (mustBeWhole && !mayTrigger && summary.ponged !== summary.pongs) fail(`pongs: ${show(summary)}`)
  if (mustBeWhole && judge.isWithinMessage) fail('it ended within a message')
  const greetings = (faults.hello ? 1 : 0) + (faults.tick === undefined ? (faults.message?.length ?? 0) : 0)
  if (mustBeWhole && summary.data < greetings) fail(`only ${summary.data} of ${greetings} messages before the replies`)
  for (const [content, state] of pushed) {
    const isSeen = summary.seen.has(content)
    if (state === 'refused' && isSeen) fail(`${content} arrived, although it was refused`)
    if (state === 'sent' && !isSeen && mustBeWhole && isPatient) fail(`${content} did not arrive`)
  }

  // The close codes on the wire and in the log.
  const allowedCodes = [
    ...controlCodes,
    ...(faults.close !== undefined && mayTrigger ? [faults.close] : []),
    ...(expected.isFailed ? [expected.close] : []),
  ]
  const closeReply = faults['close-reply'] ?? sentClose
  const isAllowed = (code: number) => allowedCodes.includes(code) || (outcome.isAnswerDue && code === closeReply)
  if (summary.closed && !isAllowed(summary.closed.code)) fail(`closed with ${summary.closed.code}`)
  if (isSure && !mayTrigger && ending !== 'end' && !summary.closed && closeReply !== 'none') fail('no close frame')
  const isAnswer = outcome.isAnswerDue && summary.closed?.code === closeReply && !allowedCodes.includes(closeReply)
  const late = faults['close-delay'] ?? 0
  if (isAnswer && outcome.answeredAfter < late - EARLY) fail(`closed after ${outcome.answeredAfter} ms, not ${late}`)
  if (expected.isFailed && isGraceful && !endedByControl && !mayTrigger && summary.closed?.code !== expected.close) {
    fail(`expected the connection to fail with ${expected.close}, got ${summary.closed?.code}`)
  }
  if (endedByControl?.kind === 'close' && isGraceful && summary.closed?.code !== endedByControl.code) {
    fail(`DELETE answered that it closes with ${endedByControl.code}, but ${summary.closed?.code} arrived`)
  }
  checkLog(log, target)
  checkConnected(log, scenario.handshake)
  const last = log.lines.at(-1) as { code: number; messages: number }
  // After its own close frame, the server looks for that of the client behind anything else, even behind invalid frames.
  const isClosedAnyway = summary.closed !== undefined && closesIn(scenario).includes(last.code)
  const isTrue =
    last.code === summary.closed?.code ||
    last.code === sentClose ||
    isClosedAnyway ||
    (last.code === 1006 && !(summary.closed && isGraceful)) ||
    (!isGraceful && allowedCodes.includes(last.code))
  if (!isTrue) fail(`log: code ${last.code}, with ${summary.closed?.code} on the wire`)

  // The numbers of messages in the log.
  if (last.messages > messages) fail(`log: ${last.messages} messages, of ${messages}`)
  if (last.messages < judge.leastReceived) fail(`log: ${last.messages} messages, but ${judge.leastReceived} answered`)
  if (mustBeWhole && !isTriggered && last.messages !== messages) fail(`log: ${last.messages} messages of ${messages}`)
  if (target.isDebug) {
    if (log.received !== last.messages) fail(`log: ${log.received} lines for ${last.messages} messages`)
    if (log.replied > judge.replies.length) fail(`log: ${log.replied} replies, of ${judge.replies.length}`)
    if (isGraceful && log.replied !== summary.answered) {
      fail(`log: ${log.replied} replies, but ${summary.answered} arrived`)
    }
  }
  const faultLines = faultsIn(log).filter(fault => !fault.startsWith('close-') && fault !== 'corrupt=header')
  if (faultLines.length > 1) fail(`log: misbehaved ${faultLines.join()}`)
  if (faultLines.length > 0 && !mayTrigger) fail(`log: ${faultLines.join()} at the wrong time`)
  if (summary.isCorrupted && faultLines.length === 0) fail('log: no line about the frame that broke the protocol')
  if (isGraceful && faultLines[0]?.startsWith('corrupt') && !summary.isCorrupted)
    fail(`log: ${faultLines[0]} did not arrive`)
  if (faultsIn(log).includes('corrupt=header') !== (faults.corrupt === 'header')) fail('log: corrupt=header')
  for (const name of ['close-delay', 'close-reply'] as const) {
    const count = faultsIn(log).filter(fault => fault.startsWith(`${name}=`)).length
    const isPossible = faults[name] !== undefined && outcome.isAnswerDue
    const isCertain = isPossible && isSure && !mayTrigger
    if (count > (isPossible ? 1 : 0) || (isCertain && count === 0)) fail(`log: ${count} lines about ${name}`)
  }
  if (target.hasJournal) {
    await checkFaults(target, scenario, log, judge.lostOf(last.messages))
    await checkJournal(target, log, scenario, last, isClosedAnyway ? last.code : sentClose)
    await target.ask('DELETE', `/messages?connection=${log.id}`)
  }

  const most = isGraceful ? summary.data : judge.replies.length + ANY_PUSHES + (faults.tick === 10 ? ANY_TICKS : 0)
  return { least: isGraceful ? summary.data : 0, most, received: last.messages }
}

/** Returns the codes of the close frames that the client sends, valid or not. */
const closesIn = ({ frames }: Scenario): number[] =>
  frames
    .filter(({ opcode, payload }) => opcode === opcodes.close && payload.length >= 2)
    .map(({ payload }) => payload.readUInt16BE())

/** Checks that the log has exactly the expected lines. */
function checkLog({ lines }: ConnectionLog, { name }: Target): void {
  const said = lines.map(({ msg }) => msg)
  const count = (wanted: string) => said.filter(msg => msg === wanted).length
  const known = ['Connected!', 'Disconnected', 'Triggered a fault', 'Failed the connection', 'Gave up the connection']
  const isRight =
    count('Connected!') === 1 &&
    said.at(-1) === 'Disconnected' &&
    count('Failed the connection') <= 1 &&
    said.every(msg => known.includes(String(msg)))
  if (!isRight) throw new Error(`log of ${name}: ${said.join()}`)
}

/** Compares the journal with the log. */
async function checkJournal(
  { ask }: Target,
  { id }: ConnectionLog,
  { expected }: Scenario,
  last: { code: number; messages: number },
  sentClose: number | undefined,
): Promise<void> {
  const { body } = await ask('GET', `/messages?connection=${id}`)
  const kept = body.messages as { opcode: string; bytes: number; text?: string; base64?: string; code?: number }[]
  const ending = kept.pop()
  // The journal has only the close frame of the client, while the log may have that of the server.
  const isClosed = ending?.opcode === 'close' && ending.code === sentClose && ending.code === last.code
  if (!isClosed && ending?.code !== 1006) throw new Error(`journal: ended with ${ending?.code}, sent ${sentClose}`)
  let messages = 0
  for (const [i, { opcode, bytes, text: content, base64 }] of kept.entries()) {
    const came = expected.replies[i]
    if (opcode !== 'ping') messages++
    const name = came && { [text]: 'text', [binary]: 'binary', [pong]: 'ping' }[came.opcode]
    const payload = content === undefined ? Buffer.from(base64 ?? '', 'base64') : Buffer.from(content)
    if (name !== opcode || bytes !== payload.length || !came?.payload.equals(payload)) {
      throw new Error(
        `journal: entry ${i} is ${opcode} of ${bytes} bytes, but the client sent ${name} of ${came?.payload.length}`,
      )
    }
  }
  if (messages !== last.messages) throw new Error(`journal: ${messages} messages, the log has ${last.messages}`)
}
