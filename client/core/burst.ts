import type { Message } from './message.ts'

export type BurstOptions = {
  /** The number of messages. */
  count: number
  /** Bytes per message. */
  size: number
  /** Unanswered messages at a time; 0 means no limit. */
  inFlight: number
  /** Messages per second; 0 means as fast as possible. */
  rate: number
  isBinary: boolean
}

export type BurstProgress = { sent: number; answered: number; count: number }

export type BurstResult = {
  sent: number
  answered: number
  seconds: number
  /** Whether the burst ended before every message was answered. */
  isStopped: boolean
}

export type BurstPorts = {
  /** Returns whether the message was sent. */
  send: (message: Message) => boolean
  /** Bytes that are queued in the browser. */
  bufferedAmount: () => number
  /** Called at most every 100 ms, and once before `onEnd`. */
  onProgress: (progress: BurstProgress) => void
  onEnd: (result: BurstResult) => void
  /** Returns the current time in ms. */
  now?: () => number
  /** Calls `task` after at least `delay` ms. */
  schedule?: (task: () => void, delay: number) => void
}

/** Sends many messages without blocking the page. A burst can be started only once. */
export type Burst = {
  start(): void
  stop(): void
  /** Call this for each message received. */
  answered(): void
}

/** The fields of the form, with the numbers as they were typed. */
export type BurstFields = { count: string; size: string; inFlight: string; rate: string; isBinary: boolean }

/** ms of work before the burst yields: half a frame at 60 Hz. */
const SLICE = 8
const MAX_BUFFERED = 1024 * 1024
const BUFFER_CHECK = 5
const PROGRESS = 100
/** ms of delay that a burst catches up with. In a hidden page, timers fire only once a second. */
const CATCH_UP = 1000

/** Creates a burst. It ends when every message is answered, when it is stopped, or when sending fails. */
export function createBurst(
  { count, size, inFlight, rate, isBinary }: BurstOptions,
  { send, bufferedAmount, onProgress, onEnd, now = () => performance.now(), schedule = later }: BurstPorts,
): Burst {
  const create = isBinary ? binaryMessage : textMessage
  const interval = rate > 0 ? 1000 / rate : 0
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
      if (!send(create(sent + 1, size))) return end()
      sent++
      dueAt = Math.max(dueAt, time - CATCH_UP) + interval
    }
  }

  function report() {
    if (willReport) return
    willReport = true
    schedule(() => {
      willReport = false
      if (isRunning) onProgress({ sent, answered, count })
    }, PROGRESS)
  }

  function end() {
    if (!isRunning) return
    isRunning = false
    onProgress({ sent, answered, count })
    onEnd({ sent, answered, seconds: (now() - startedAt) / 1000, isStopped: answered < count })
  }

  return {
    start() {
      isRunning = true
      startedAt = now()
      dueAt = startedAt
      run()
    },

    stop: end,

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

/** Reads the fields of the form. A problem names the field, its value, and the allowed range. */
export function checkBurst({ isBinary, ...fields }: BurstFields): BurstOptions | { problem: string } {
  const options: BurstOptions = { count: 0, size: 0, inFlight: 0, rate: 0, isBinary }
  for (const [key, name, least, most] of RANGES) {
    const value = fields[key].trim()
    options[key] = Number(value)
    if (!/^\d+$/.test(value) || options[key] < least || options[key] > most) {
      const range = `from ${least} to ${most.toLocaleString('en')}`
      return { problem: `${name}: "${value}" is not a whole number ${range}.` }
    }
  }
  return options
}

const RANGES = [
  ['count', 'Messages', 1, 1_000_000],
  ['size', 'Size in bytes', 0, 16 * 1024 * 1024],
  ['inFlight', 'In flight', 0, 10_000],
  ['rate', 'Per second', 0, 1_000_000],
] as const

const textMessage = (number: number, size: number): Message => `${number} `.padEnd(size, '.').slice(0, size)

function binaryMessage(number: number, size: number): Message {
  const bytes = new Uint8Array(size)
  new TextEncoder().encodeInto(String(number), bytes)
  return bytes
}

function later(task: () => void, delay: number) {
  setTimeout(task, delay)
}
