import { connect as connectTcp } from 'node:net'
import { setTimeout as delay, setImmediate as immediate } from 'node:timers/promises'
import { closePayload, frame as createFrame, opcodes } from '../suite/raw-client.ts'
import { compare, type Sent, show } from './compare.ts'
import { addedBy, checkHeaders, checkRefusal, type Handshake, type Head, parseHead } from './handshakes.ts'
import { createJudge, PUSHED, takeFrame } from './judge.ts'
import { bytesOf } from './model.ts'
import { queryOf } from './parameters.ts'
import { type ControlAction, requestOf, type Scenario } from './scenario.ts'
import type { Target } from './target.ts'
import { addTo, type Counts, checkCount, checkHandshakes } from './triggered.ts'

const { close, ping, pong } = opcodes

const GOODBYE = 4998

// Milliseconds to wait for something that must happen, and for a possibly stalled server to notice the end.
const PATIENCE = 15_000
const NOTICE = 300

// Milliseconds without an answer to a close frame until the client ends its side.
const UNANSWERED = 100

/** The bytes that `corrupt=header` sends behind the 101. */
const SECOND_RESPONSE =
  'HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 31\r\n\r\nThis response follows the 101.\n'

type Count = { texts: number; binaries: number }

/** Plays a scenario and compares everything observable with the model. @throws an error that describes the difference */
export async function visit(target: Target, scenario: Scenario, stream: number): Promise<Sent> {
  const { faults, expected, pieces, actions, handshake } = scenario
  const path = `/${stream}`
  const url = urlOf(target, scenario, path)
  const { hostname, port } = new URL(url)
  const counts: Counts = {}
  const fail = (problem: string): never => {
    throw new Error(problem)
  }

  const socket = connectTcp({ port: Number(port), host: hostname, noDelay: true })
  let changed = Promise.withResolvers<void>()
  const wake = () => {
    changed.resolve()
    changed = Promise.withResolvers()
  }
  let [head, rest] = ['', Buffer.alloc(0) as Buffer]
  let [isEnded, isClosed, isLeft, sentClose] = [false, false, false, undefined as number | undefined]
  /** When the client's close frame was sent if the server had sent none, and when that of the server came. */
  let [closeSentAt, closedAt] = [undefined as number | undefined, 0]
  let isTailDue = faults.corrupt === 'header' && handshake.answer.outcome === 'accepted'
  let problem: Error | undefined
  let pings = 0

  const frames = scenario.frames.map(bytesOf)
  const outgoing = Buffer.concat(frames)
  let end = 0
  const ends = frames.map(({ length }) => (end += length))
  const sentTimes: number[] = []
  let written = 0
  const sentAt = (frame: number) => sentTimes[pieces.findIndex(piece => piece.end >= (ends[frame] ?? 0))] ?? 0
  const pushed = new Map<string, 'asked' | 'sent' | 'refused'>()
  const judge = createJudge(
    scenario,
    target.prefix,
    content => pushed.has(content) || target.broadcasts.has(content),
    sentAt,
  )

  /** Answers pings, but only between frames. */
  const answerPings = () => {
    const isBetween = written === 0 || ends.includes(written)
    if (!isBetween || !scenario.answersPings || sentClose !== undefined || isLeft || socket.writableEnded) return
    for (; pings > 0; pings--) socket.write(createFrame(pong))
  }
  socket.on('error', wake)
  socket.on('end', () => {
    isEnded = true
    wake()
  })
  socket.on('close', () => {
    isClosed = true
    wake()
  })
  socket.on('data', chunk => {
    rest = rest.length > 0 ? Buffer.concat([rest, chunk]) : chunk
    if (head === '') {
      const at = rest.indexOf('\r\n\r\n')
      if (at < 0) return
      head = rest.toString('latin1', 0, at)
      rest = rest.subarray(at + 4)
    }
    const now = performance.now()
    try {
      if (isTailDue) {
        const tail = rest.toString('latin1', 0, SECOND_RESPONSE.length)
        if (!SECOND_RESPONSE.startsWith(tail)) fail(`behind the 101 came ${tail}`)
        if (tail.length < SECOND_RESPONSE.length) return
        rest = rest.subarray(tail.length)
        isTailDue = false
      }
      for (let taken = takeFrame(rest); taken && !problem && head.startsWith('HTTP/1.1 101'); taken = takeFrame(rest)) {
        rest = rest.subarray(taken.length)
        judge.frame(taken.frame, now)
        if (taken.frame.opcode === ping) pings++
        if (judge.summary.closed) closedAt = now
      }
    } catch (error) {
      problem ??= error as Error
    }
    answerPings()
    wake()
  })

  /** Waits for a condition and returns whether it was met in time. */
  const until = async (holds: () => boolean, milliseconds = PATIENCE): Promise<boolean> => {
    const deadline = performance.now() + milliseconds
    while (!holds()) {
      const left = deadline - performance.now()
      if (problem) throw problem
      if (left <= 0) return false
      const timer = setTimeout(wake, left)
      await changed.promise
      clearTimeout(timer)
    }
    if (problem) throw problem
    return true
  }
  const isOver = () => judge.summary.closed !== undefined || isEnded || isClosed

  const sendPiece = async (i: number) => {
    const { end, pause } = pieces[i] as (typeof pieces)[number]
    if (pause > 0) await delay(pause)
    else if (i % 3 === 0) await immediate()
    if (isClosed || socket.writableEnded) return
    sentTimes[i] = performance.now()
    socket.write(outgoing.subarray(i === 0 ? 0 : pieces[i - 1]?.end, end))
    written = end
    answerPings()
  }

  try {
    // The end of the handshake is sent while the default faults are locked.
    const opening = requestOf(url, scenario)
    const cut = Math.floor(opening.length / (scenario.start.length + 1))
    for (const [i, pause] of scenario.start.entries()) {
      socket.write(opening.subarray(i * cut, (i + 1) * cut))
      await delay(pause)
    }
    await withFaults(target, scenario, async () => {
      for (const [i, earlier] of scenario.earlier.entries()) {
        await precede(target, scenario, earlier, `${path}.${i}`, counts)
      }
      socket.write(opening.subarray(scenario.start.length * cut))
      if (scenario.isEarly) await sendPiece(0)
      await until(() => head !== '' || isClosed)
    })
    if (target.hasJournal) await checkHandshakes(target, scenario)
    await checkCount(target, scenario)
    const { answer } = handshake
    if (head === '' && faults.drop === 'rst' && judge.mayTrigger) {
      // An RST discards data that the client has not read yet.
      const endedLog = await target.log.ended(path)
      const { messages } = endedLog.lines.at(-1) as { messages: number }
      addTo(counts, handshake, endedLog, judge.lostOf(messages))
      return { least: 0, most: judge.replies.length + 100, received: messages, counts }
    }
    const response = parseHead(head)
    if (response.status !== answer.status) fail(`handshake: expected ${answer.status}, got ${head.slice(0, 60)}`)
    if (answer.outcome !== 'accepted') {
      if (!(await until(() => isClosed))) fail('a refused handshake did not end')
      checkRefusal(response, rest, answer)
      const { status, reason, address } = await target.log.refused(path)
      if (status !== answer.status || reason !== answer.outcome || address !== scenario.address) {
        fail(`log: ${address} was refused with ${status} because of ${reason}`)
      }
      addTo(counts, handshake)
      return { least: 0, most: 0, received: 0, counts }
    }
    checkResponse(response, scenario)
    const log = await target.log.opened(path)

    // The client sends its frames while the control port acts on the connection.
    let endedByControl: ControlAction | undefined
    let isDroppedHard = false
    const controlCodes: number[] = []
    if (scenario.readsAfter > 0) {
      socket.pause()
      setTimeout(() => socket.resume(), scenario.readsAfter)
    }
    const write = async () => {
      for (let i = scenario.isEarly ? 1 : 0; i < pieces.length; i++) await sendPiece(i)
    }
    const runActions = async () => {
      for (const [i, { pause, action }] of actions.entries()) {
        await delay(pause)
        if (action.kind === 'faults') {
          await target.withDefaults(action.faults, async () => {})
        } else if (action.kind === 'push') {
          const content = `${PUSHED}${stream}.${i}`
          const type = action.isBinary ? 'application/octet-stream' : 'text/plain'
          if (action.toAll) {
            target.broadcasts.add(content)
            const { status } = await target.ask('POST', '/messages', content, type)
            if (status !== 200) fail(`POST /messages: ${status}`)
          } else {
            pushed.set(content, 'asked')
            const { status } = await target.ask('POST', `/connections/${log.id}/messages`, content, type)
            if (![200, 404, 409].includes(status)) fail(`POST /connections/…/messages: ${status}`)
            pushed.set(content, status === 200 ? 'sent' : 'refused')
          }
        } else {
          const how = action.kind === 'drop' ? `drop=${action.how}` : `code=${action.code}&reason=${action.reason}`
          if (action.kind === 'close') controlCodes.push(action.code)
          else if (action.how === 'rst') isDroppedHard = true
          const { status, body } = await target.ask('DELETE', `/connections/${log.id}?${how}`)
          if (status !== 200 && status !== 404) fail(`DELETE /connections/…?${how}: ${status}`)
          if (status === 200 && body.closed === 1) endedByControl ??= action
        }
      }
    }
    await Promise.all([write(), runActions()])

    // The client ends the connection.
    const { isTriggered, mayTrigger } = judge
    const isStalled = faults.stall !== undefined && mayTrigger
    const closesItself = expected.close !== undefined && !expected.isFailed
    const ending = isStalled && scenario.ending !== 'patient' ? 'destroy' : scenario.ending
    if (closesItself) {
      sentClose = expected.close
      closeSentAt = sentAt(scenario.frames.findIndex(({ opcode }) => opcode === close))
    }
    if (ending === 'destroy') {
      await until(isOver, scenario.leavesAfter)
      isLeft = true
      socket.destroy()
    } else if (expected.close === undefined && ending === 'patient') {
      const isComplete = await until(() => isOver() || judge.isComplete, isStalled && !isTriggered ? 100 : PATIENCE)
      if (!isComplete && !isStalled) fail(`hung: ${show(judge.summary)}`)
      if (!isOver() && scenario.asksControl && !mayTrigger) await checkConnection(target, log.id)
      if (!isOver() && isStalled) {
        await until(isOver, 50)
        isLeft = true
        socket.destroy()
      } else if (!isOver() && isTriggered && (faults.close !== undefined || faults.drop !== undefined)) {
        if (!(await until(isOver))) fail('the requested fault does not happen')
      }
    } else if (ending === 'end' && !closesItself && !expected.isFailed) {
      socket.end()
    }
    if (!isLeft && !isOver() && !socket.writableEnded && expected.close === undefined) {
      sentClose = GOODBYE
      closeSentAt = performance.now()
      socket.write(createFrame(close, closePayload(GOODBYE)))
      if (scenario.isHasty) socket.end()
    }
    // The server waits for the client, which has had enough.
    if (
      !isLeft &&
      closeSentAt !== undefined &&
      faults['close-reply'] === 'none' &&
      !(await until(isOver, UNANSWERED))
    ) {
      socket.end()
    }
    if (!isLeft && isStalled && !(await until(isOver, 100))) {
      isLeft = true
      socket.destroy()
    }
    if (!(await until(() => isOver() || isLeft))) fail(`no end: ${show(judge.summary)}`)
    const { closed } = judge.summary
    if (closed && sentClose === undefined && !socket.writableEnded && !isLeft) {
      // The server reads no close frame after a frame that breaks the protocol.
      if (scenario.answersClose && !expected.isFailed) {
        sentClose = closed.code
        socket.write(createFrame(close, closed.code === 1005 ? '' : closePayload(closed.code)))
      } else {
        socket.end()
      }
    }
    if (!(await until(() => isClosed))) fail('the socket stays open')

    // The log and the journal of the server.
    const ended = target.log.ended(path)
    const slowest = Math.min(
      faults.rate ?? 2 ** 30,
      faults['read-rate'] ?? faults['up-rate'] ?? 2 ** 30,
      (faults.slice ?? 2 ** 21) * 500,
    )
    const mayLinger = isStalled || slowest < 2 ** 20
    const inTime = await Promise.race([ended, delay(mayLinger ? NOTICE : PATIENCE)])
    if (!inTime) {
      if (!mayLinger) fail('the server keeps the connection open')
      await target.ask('DELETE', `/connections/${log.id}?drop=rst`)
      isDroppedHard = true
    }
    const endedLog = await Promise.race([ended, delay(PATIENCE)])
    if (!endedLog) return fail('the server keeps the connection open, even after DELETE')
    const isReset = isDroppedHard || (faults.drop === 'rst' && judge.mayTrigger)
    const isWhole = isEnded && !socket.errored && !isLeft
    addTo(counts, handshake, endedLog, judge.lostOf(Number(endedLog.lines.at(-1)?.messages)))
    const sent = await compare(target, scenario, judge, endedLog, {
      isWhole,
      mayBeCut: isLeft || isReset,
      rest,
      ending: closesItself || expected.isFailed ? 'itself' : ending,
      sentClose,
      isAnswerDue: closeSentAt !== undefined,
      answeredAfter: closedAt - (closeSentAt ?? 0),
      endedByControl,
      controlCodes,
      pushed,
    })
    return { ...sent, counts }
  } finally {
    socket.destroy()
    target.log.forget(path)
    if (scenario.isScoped) await target.setFaults([], scenario.testId)
  }

  /** Compares the counters of the control port with the received messages, when nothing is in flight. */
  async function checkConnection({ ask }: Target, id: number): Promise<void> {
    const before = judge.summary.data
    const sum = ({ texts, binaries }: Count) => texts + binaries
    let [received, sent] = [0, 0]
    // Dropped messages may still be in flight, and with a limited rate the server reads late and counts sent bytes late.
    const deadline = performance.now() + PATIENCE
    while (performance.now() < deadline && (sent < before || received < judge.messages)) {
      const { status, body } = await ask('GET', `/connections/${id}`)
      if (status === 404 && (isOver() || actions.length > 0 || (await until(isOver, 100)))) return
      if (status !== 200) fail(`GET /connections/…: ${status}`)
      received = sum(body.received)
      sent = sum(body.sent)
      await delay(5)
    }
    const isQuiet = faults.tick === undefined && judge.summary.data === before && !actions.some(isPush)
    if (received !== judge.messages) fail(`control: ${received} messages received, of ${judge.messages}`)
    if (sent < before || (isQuiet && target.broadcasts.size === 0 && sent > before)) {
      fail(`control: ${sent} messages sent, ${before} arrived`)
    }
  }
}

const isPush = ({ action }: { action: ControlAction }) => action.kind === 'push'

const urlOf = (target: Target, { asked }: Scenario, path: string): string => {
  const query = queryOf(asked)
  return `${target.url.replace(/\/$/, '')}${path}${query && `?${query}`}`
}

/** Sets the default faults of a scenario, and runs `act` before they change. */
async function withFaults(target: Target, { defaults, isScoped, testId }: Scenario, act: () => Promise<void>) {
  if (!isScoped) return target.withDefaults(defaults, act)
  await target.setFaults(defaults, testId)
  return act()
}

/** Makes a handshake before the one of the scenario, and ends its connection. @throws if its status is unexpected */
async function precede(
  target: Target,
  scenario: Scenario,
  handshake: Handshake,
  path: string,
  counts: Counts,
): Promise<void> {
  const url = urlOf(target, scenario, path)
  const { hostname, port } = new URL(url)
  const { outcome, status } = handshake.answer
  const socket = connectTcp({ port: Number(port), host: hostname })
  socket.on('error', () => {})
  socket.resume()
  try {
    socket.write(requestOf(url, scenario))
    const answered = await Promise.race([target.log.opened(path), target.log.refused(path)])
    const [got, why] = 'id' in answered ? [101, 'accepted'] : [answered.status, answered.reason]
    if (got !== status || why !== outcome) {
      throw new Error(`an earlier handshake: expected ${status} because of ${outcome}, got ${got} because of ${why}`)
    }
    if (!('id' in answered)) return addTo(counts, handshake)
    await target.ask('DELETE', `/connections/${answered.id}?drop=rst`)
    addTo(counts, handshake, await target.log.ended(path))
  } finally {
    socket.destroy()
    target.log.forget(path)
  }
}

/** @throws if a 101 differs from the expected one */
function checkResponse(head: Head, scenario: Scenario): void {
  const { faults, headers, isDeflating, serverTakesOver, clientTakesOver } = scenario
  const offered = headers['Sec-WebSocket-Protocol']
  const isRight = head.headers['sec-websocket-accept']?.join() === 's3pPLMBiTxaQ9kYGzzhZRbK+xOo='
  if (isRight === (faults.handshake === 'wrong-accept')) throw new Error('Sec-WebSocket-Accept is wrong')
  const chosen = faults.subprotocol ?? offered?.split(', ')[0]
  const subprotocol = faults.handshake === 'wrong-subprotocol' ? [/^not-/] : chosen ? [chosen] : []
  checkHeaders(head, { 'sec-websocket-protocol': subprotocol, ...addedBy(faults) })
  const [agreed, ...others] = head.headers['sec-websocket-extensions'] ?? []
  if (isDeflating !== (agreed !== undefined) || others.length > 0)
    throw new Error('permessage-deflate is agreed, but should not be, or the other way round')
  const has = (name: string) => agreed?.includes(name) === true
  if (isDeflating && (has('server_no') === serverTakesOver || has('client_no') === clientTakesOver)) {
    throw new Error(`the agreement is ${agreed}`)
  }
}
