import { connect as connectTcp } from 'node:net'
import { setTimeout as delay, setImmediate as immediate } from 'node:timers/promises'
import { closePayload, frame as createFrame, opcodes } from '../suite/raw-client.ts'
import { compare, type Sent, show } from './compare.ts'
import { createJudge, PUSHED, takeFrame } from './judge.ts'
import { bytesOf } from './model.ts'
import { type ControlAction, openingOf, queryOf, type Scenario } from './scenario.ts'
import type { Target } from './target.ts'

const { close, ping, pong } = opcodes

const GOODBYE = 4998

// Milliseconds to wait for something that must happen, and for a possibly stalled server to notice the end.
const PATIENCE = 15_000
const NOTICE = 300

type Count = { texts: number; binaries: number }

/** Plays a scenario and compares everything observable with the model. @throws an error that describes the difference */
export async function visit(target: Target, scenario: Scenario, stream: number): Promise<Sent> {
  const { faults, expected, pieces, actions } = scenario
  const path = `/${stream}`
  const query = queryOf(scenario.asked)
  const url = `${target.url.replace(/\/$/, '')}${path}${query && `?${query}`}`
  const { hostname, port } = new URL(url)
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
      for (let taken = takeFrame(rest); taken && !problem && head.startsWith('HTTP/1.1 101'); taken = takeFrame(rest)) {
        rest = rest.subarray(taken.length)
        judge.frame(taken.frame, now)
        if (taken.frame.opcode === ping) pings++
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
    const opening = openingOf(url, scenario)
    const cut = Math.floor(opening.length / (scenario.start.length + 1))
    for (const [i, pause] of scenario.start.entries()) {
      socket.write(opening.subarray(i * cut, (i + 1) * cut))
      await delay(pause)
    }
    await target.withDefaults(scenario.defaults, async () => {
      socket.write(opening.subarray(scenario.start.length * cut))
      if (scenario.isEarly) await sendPiece(0)
      await until(() => head !== '' || isClosed)
    })
    const refusal =
      faults.reject ?? (faults.subprotocol && !/echo|chat/.test(faults.subprotocol) ? 400 : undefined) ?? 101
    if (head === '' && faults.drop === 'rst' && judge.mayTrigger) {
      // An RST discards data that the client has not read yet.
      const endedLog = await target.log.ended(path)
      const { messages } = endedLog.lines.at(-1) as { messages: number }
      return { least: 0, most: judge.replies.length + 100, received: messages }
    }
    if (!head.startsWith(`HTTP/1.1 ${refusal} `)) fail(`handshake: expected ${refusal}, got ${head.slice(0, 60)}`)
    if (refusal !== 101) {
      if (!(await until(() => isClosed))) fail('a refused handshake did not end')
      return { least: 0, most: 0, received: 0 }
    }
    checkHead(head, scenario)
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
          await target.withDefaults(action.faults as Record<string, string>, async () => {})
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
    if (closesItself) sentClose = expected.close
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
      socket.write(createFrame(close, closePayload(GOODBYE)))
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
    const mayLinger = isStalled || (faults.rate ?? 2 ** 30) < 2 ** 20
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
    return await compare(target, scenario, judge, endedLog, {
      isWhole,
      mayBeCut: isLeft || isReset,
      rest,
      ending: closesItself || expected.isFailed ? 'itself' : ending,
      sentClose,
      endedByControl,
      controlCodes,
      pushed,
    })
  } finally {
    socket.destroy()
    target.log.forget(path)
  }

  /** Compares the counters of the control port with the received messages, when nothing is in flight. */
  async function checkConnection({ ask }: Target, id: number): Promise<void> {
    const before = judge.summary.data
    const sum = ({ texts, binaries }: Count) => texts + binaries
    let [received, sent] = [0, 0]
    // Dropped messages may still be in flight, and with a rate limit the server counts sent bytes late.
    for (let tries = 50; tries > 0 && (sent < before || received < judge.messages); tries--) {
      const { status, body } = await ask('GET', `/connections/${id}`)
      if (status === 404 && (isOver() || actions.length > 0 || (await until(isOver, 100)))) return
      if (status !== 200) fail(`GET /connections/…: ${status}`)
      received = sum(body.received)
      sent = sum(body.sent)
    }
    const isQuiet = faults.tick === undefined && judge.summary.data === before && !actions.some(isPush)
    if (received !== judge.messages) fail(`control: ${received} messages received, of ${judge.messages}`)
    if (sent < before || (isQuiet && target.broadcasts.size === 0 && sent > before)) {
      fail(`control: ${sent} messages sent, ${before} arrived`)
    }
  }
}

const isPush = ({ action }: { action: ControlAction }) => action.kind === 'push'

function checkHead(head: string, { faults, headers, isDeflating }: Scenario): void {
  const of = (name: string) => new RegExp(`^${name}: (.*)$`, 'im').exec(head)?.[1]
  const offered = headers['Sec-WebSocket-Protocol']?.split(', ')[0]
  const chosen = faults.handshake === 'wrong-subprotocol' ? undefined : (faults.subprotocol ?? offered)
  const got = of('Sec-WebSocket-Protocol')
  if (faults.handshake === 'wrong-subprotocol') {
    if (!got || headers['Sec-WebSocket-Protocol']?.includes(got))
      throw new Error(`the wrong subprotocol ${got} was offered`)
  } else if ((got ?? '') !== (chosen ?? '')) {
    throw new Error(`subprotocol: expected ${chosen}, got ${got}`)
  }
  const isRight = of('Sec-WebSocket-Accept') === 's3pPLMBiTxaQ9kYGzzhZRbK+xOo='
  if (isRight === (faults.handshake === 'wrong-accept')) throw new Error('Sec-WebSocket-Accept is wrong')
  if (isDeflating !== (of('Sec-WebSocket-Extensions') !== undefined))
    throw new Error('permessage-deflate is agreed, but should not be, or the other way round')
}
