import type { Message } from './message.ts'

export type BurstOptions = {
  /** How many messages. */
  count: number
  /** Bytes of each. */
  size: number
  /** How many may be unanswered at a time; 0 is any number. */
  inFlight: number
  /** Messages a second; 0 is as fast as they go. */
  rate: number
  isBinary: boolean
}

export type BurstProgress = { sent: number; answered: number; count: number }

export type BurstResult = {
  sent: number
  answered: number
  seconds: number
  /** Whether it ended before every message was answered. */
  isStopped: boolean
}

export type BurstPorts = {
  /** Tells whether the message was sent. */
  send: (message: Message) => boolean
  /** Bytes that were sent and haven't left yet. */
  bufferedAmount: () => number
  /** Called each 100 ms at most, and once before the end. */
  onProgress: (progress: BurstProgress) => void
  onEnd: (result: BurstResult) => void
  /** ms. */
  now?: () => number
  /** Calls back later, not before `delay` in ms has passed. */
  schedule?: (task: () => void, delay: number) => void
}

/** Sends many messages while everything else goes on. It can be started once. */
export type Burst = {
  start(): void
  stop(): void
  /** To be called for each message received. */
  answered(): void
}

/** What a form gives: the numbers as they were typed. */
export type BurstFields = { count: string; size: string; inFlight: string; rate: string; isBinary: boolean }

/** ms without a break: a frame of the page has 16. */
const SLICE = 8
const MOST_BUFFERED = 1024 * 1024
const BUFFER_CHECK = 5
const PROGRESS = 100
/** ms of lost time that a rate makes up for. The timers of a hidden page come once a second. */
const CATCH_UP = 1000

/** Creates a burst that ends when every message is answered, when it is stopped, or when sending fails. */
export function createBurst(
  { count, size, inFlight, rate, isBinary }: BurstOptions,
  { send, bufferedAmount, onProgress, onEnd, now = () => performance.now(), schedule = later }: BurstPorts,
): Burst {
  const create = isBinary ? binaryMessage : textMessage
  const interval = rate > 0 ? 1000 / rate : 0
  let isRunning = false
  let isHeld = false
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
      isHeld = inFlight > 0 && sent - answered >= inFlight
      if (isHeld) return
      if (bufferedAmount() >= MOST_BUFFERED) return schedule(run, BUFFER_CHECK)
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
      // One that comes with nothing unanswered is not an answer.
      if (!isRunning || answered === sent) return
      answered++
      if (answered === count) return end()
      report()
      if (isHeld) run()
    },
  }
}

/** Reads the fields of a form; the problem names the field, what it has, and what it may have. */
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
  ['size', 'Bytes each', 0, 16 * 1024 * 1024],
  ['inFlight', 'In flight', 0, 10_000],
  ['rate', 'A second', 0, 1_000_000],
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
