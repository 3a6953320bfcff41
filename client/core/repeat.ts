import { separated } from './count.ts'

export type RepeatOptions = {
  /** The number of messages; `Infinity` means until it is stopped. */
  count: number
  /** ms between two messages; 0 means as fast as possible. */
  interval: number
  /** Unanswered messages at a time; 0 means no limit. */
  inFlight: number
  /** ms to wait for replies after the last message; absent to wait until every message is answered. */
  patience?: number
}

/** `count` is the number of messages asked for. */
export type RepeatProgress = { sent: number; answered: number; count: number }

export type RepeatResult = {
  sent: number
  answered: number
  seconds: number
  /** Whether it ended before every message was answered, and not because its patience ran out. */
  isStopped: boolean
}

export type RepeatPorts = {
  /** Sends the message with this number, from 1 on. Returns whether it was sent. */
  send: (number: number) => boolean
  /** Bytes that are queued in the browser. */
  bufferedAmount: () => number
  /** Called at most every 100 ms, and once before `onEnd`. */
  onProgress: (progress: RepeatProgress) => void
  onEnd: (result: RepeatResult) => void
  /** Returns the current time in ms. */
  now?: () => number
  /** Calls `task` after at least `delay` ms. */
  schedule?: (task: () => void, delay: number) => void
}

/** Sends messages again and again without blocking the page. It can be started only once. */
export type Repeat = {
  start(): void
  stop(): void
  /** Call this for each message received. */
  answered(): void
}

/** ms of work before it yields: half a frame at 60 Hz. */
const SLICE = 8
const MAX_BUFFERED = 1024 * 1024
const BUFFER_CHECK = 5
const PROGRESS = 100
/** ms of delay that it catches up with. In a hidden page, timers fire only once a second. */
const CATCH_UP = 1000

/**
 * Creates a repetition. It ends when every message is answered or its patience runs out, when it is stopped, or
 * when sending fails.
 */
export function createRepeat(
  { count, interval, inFlight, patience }: RepeatOptions,
  { send, bufferedAmount, onProgress, onEnd, now = () => performance.now(), schedule = later }: RepeatPorts,
): Repeat {
  let isRunning = false
  let isAwaitingReplies = false
  let willReport = false
  let startedAt = 0
  let dueAt = 0
  let sent = 0
  let answered = 0

  function run() {
    if (!isRunning) return
    report()
    const sliceEnd = now() + SLICE
    while (sent < count) {
      isAwaitingReplies = inFlight > 0 && sent - answered >= inFlight
      if (isAwaitingReplies) return
      if (bufferedAmount() >= MAX_BUFFERED) return schedule(run, BUFFER_CHECK)
      const time = now()
      if (time < dueAt) return schedule(run, dueAt - time)
      if (time >= sliceEnd) return schedule(run, 0)
      if (!send(sent + 1)) return end()
      sent++
      dueAt = Math.max(dueAt, time - CATCH_UP) + interval
    }
    if (patience !== undefined) schedule(() => end(false), patience)
  }

  function report() {
    if (willReport) return
    willReport = true
    schedule(() => {
      willReport = false
      if (isRunning) onProgress({ sent, answered, count })
    }, PROGRESS)
  }

  function end(isStopped = answered < count) {
    if (!isRunning) return
    isRunning = false
    onProgress({ sent, answered, count })
    onEnd({ sent, answered, seconds: (now() - startedAt) / 1000, isStopped })
  }

  return {
    start() {
      isRunning = true
      startedAt = now()
      dueAt = startedAt
      run()
    },

    stop: () => end(),

    answered() {
      // A message that arrives when nothing is unanswered is no reply.
      if (!isRunning || answered === sent) return
      answered++
      if (answered === count) return end()
      report()
      if (isAwaitingReplies) run()
    },
  }
}

/** Says how a repetition ended, on one line: with its rate, unless that was given as an interval. */
export function describeRepeat({ sent, answered, seconds, isStopped }: RepeatResult, isPaced: boolean): string {
  const counts = `${separated(sent)} sent, ${separated(answered)} answered in ${seconds.toFixed(2)} s`
  const rate = isPaced ? '' : `, ${separated(Math.round(answered / Math.max(seconds, 0.001)))} per second`
  return `Repeat ${isStopped ? 'stopped' : 'done'}: ${counts}${rate}`
}

function later(task: () => void, delay: number) {
  setTimeout(task, delay)
}
