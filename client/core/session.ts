import { notAnAddress, readAddress } from './address.ts'
import {
  type Connection,
  type ConnectionEvent,
  type ConnectionState,
  createConnection,
  type Facts,
} from './connection.ts'
import { createLogStore, type LogStore } from './log-store.ts'
import type { Message } from './message.ts'
import { createReconnect } from './reconnect.ts'
import { createRefusals } from './refusals.ts'
import { createRepeat, describeRepeat, type Repeat, type RepeatOptions, type RepeatProgress } from './repeat.ts'
import { createStatistics, type Statistics } from './statistics.ts'

export type SessionState = {
  connection: ConnectionState
  /** When the next attempt to reconnect is due, in ms since the epoch; `undefined` while none is planned. */
  retryAt: number | undefined
}

export type SessionListener = {
  onState: (state: SessionState) => void
  onReceived?: (message: Message) => void
  /** The explanation of a failed handshake. */
  onAnswer?: (answer: string) => void
  /** Called with `undefined` when the repetition has ended for good. */
  onRepeat?: (state: RepeatState | undefined) => void
}

/** A repetition, and whether it waits for the next connection to start again. */
export type RepeatState = RepeatProgress & { isWaiting: boolean }

export type SessionRepeat = RepeatOptions & {
  /** Whether to start again whenever the session connects, until `stopRepeat` is called. */
  isAtConnect: boolean
  /** Creates the message with this number, from 1 on. `undefined` ends the repetition. */
  create: (number: number) => Message | undefined
}

/** The state of one tab: a connection with its log, statistics, reconnecting, and what it sends again and again. */
export type Session = {
  readonly log: LogStore
  readonly statistics: Statistics
  /** Messages received on all connections of this session. */
  readonly received: number
  facts(): Facts
  /** Connects to an address as it was typed: the scheme may be missing. */
  connect(address: string, protocols: string[]): void
  /** Closes the connection and stops reconnecting. The code and reason must be valid. */
  disconnect(code: number, reason: string): void
  send(message: Message): boolean
  /** Sets whether to reconnect when the connection ends unexpectedly. */
  setReconnect(isOn: boolean): void
  /** Ends the connection because the page is being left, and may come back from the back/forward cache. */
  suspend(): void
  /** Connects again what `suspend` ended. */
  resume(): void
  /** Makes a planned attempt immediately, for example because the network is back. */
  retryNow(): void
  /** Starts to repeat a message, and stops what is already running. */
  startRepeat(repeat: SessionRepeat): void
  stopRepeat(): void
}

/** ms that a repetition waits for replies after its last message: many servers do not answer each message. */
const PATIENCE = 2000

/** The events that end a connection or an attempt to connect. */
const ENDS: ConnectionEvent['type'][] = ['disconnected', 'cancelled', 'refused', 'replaced', 'left']

/** Creates a session that is not connected. */
export function createSession(
  { onState, onReceived, onAnswer, onRepeat }: SessionListener,
  pageOrigin: string,
): Session {
  const log = createLogStore()
  const statistics = createStatistics()
  const refusals = createRefusals(log, pageOrigin, onAnswer)
  const state: SessionState = { connection: 'disconnected', retryAt: undefined }
  let target: [address: string, protocols: string[]] = ['', []]
  let received = 0
  let isWanted = false
  let reconnects = false
  let isSuspended = false

  const reconnect = createReconnect({
    connect() {
      refusals.retrying()
      connection.connect(...target)
    },
    onWait(retryAt) {
      state.retryAt = retryAt
      onState(state)
    },
  })

  const connection = createConnection({
    onState(next) {
      state.connection = next
      if (next === 'connected') reconnect.opened()
      onState(state)
    },
    onEvent(event) {
      if (event.type === 'refused') refusals.add(event)
      else log.add(event)
      if (event.type === 'received') {
        received++
        statistics.received(event.roundTrip)
        onReceived?.(event.message)
        repeater.answered()
      } else if (event.type === 'connected') {
        repeater.connected()
      } else if (ENDS.includes(event.type)) {
        repeater.ended()
        if (isWanted && reconnects) reconnect.closed()
      }
    },
  })

  const repeater = createRepeater(connection, log, onRepeat)

  return {
    log,
    statistics,
    get received() {
      return received
    },
    facts: connection.facts,
    send: connection.send,
    retryNow: reconnect.retryNow,

    connect(address, protocols) {
      const read = readAddress(address, new URL(pageOrigin).protocol)
      if ('problem' in read) return void log.add({ type: 'error', problem: notAnAddress(address, read.problem) })
      reconnect.stop()
      refusals.startOver()
      // Replacing a connection ends it on purpose, so that is no reason to reconnect.
      isWanted = false
      target = [read.url, protocols]
      connection.connect(...target)
      isWanted = true
    },

    disconnect(code, reason) {
      isWanted = false
      reconnect.stop()
      connection.disconnect(code, reason)
    },

    suspend() {
      isSuspended = isWanted && (state.retryAt !== undefined || state.connection !== 'disconnected')
      isWanted = false
      reconnect.stop()
      connection.leave()
    },

    resume() {
      if (!isSuspended) return
      isSuspended = false
      isWanted = true
      connection.connect(...target)
    },

    setReconnect(isOn) {
      reconnects = isOn
      if (!isOn) reconnect.stop()
    },

    startRepeat: options => repeater.start(options, state.connection === 'connected'),
    stopRepeat: repeater.stop,
  }
}

/** Repeats messages on a connection: one repetition at a time, which may start again at each connect. */
function createRepeater(connection: Connection, log: LogStore, onRepeat: SessionListener['onRepeat']) {
  let running: Repeat | undefined
  let atConnect: SessionRepeat | undefined

  function repeat({ create, ...options }: SessionRepeat) {
    running?.stop()
    running = createRepeat(
      { patience: PATIENCE, ...options },
      {
        send(number) {
          const message = create(number)
          return message !== undefined && connection.send(message)
        },
        bufferedAmount: () => connection.facts().bufferedAmount,
        onProgress: progress => onRepeat?.({ ...progress, isWaiting: false }),
        onEnd(result) {
          running = undefined
          onRepeat?.(atConnect && { ...result, count: options.count, isWaiting: true })
          log.add({ type: 'note', text: describeRepeat(result, options.interval > 0) })
        },
      },
    )
    running.start()
  }

  function stop() {
    const isWaiting = atConnect !== undefined && running === undefined
    atConnect = undefined
    if (isWaiting) onRepeat?.(undefined)
    running?.stop()
  }

  return {
    start(options: SessionRepeat, isConnected: boolean) {
      stop()
      atConnect = options.isAtConnect ? options : undefined
      if (!atConnect || isConnected) repeat(options)
      else onRepeat?.({ sent: 0, answered: 0, count: options.count, isWaiting: true })
    },
    stop,
    answered: () => running?.answered(),

    connected() {
      if (atConnect) repeat(atConnect)
    },

    /** The connection has ended. The next one may start the repetition again. */
    ended: () => running?.stop(),
  }
}
