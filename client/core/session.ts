import { type Burst, type BurstOptions, type BurstProgress, createBurst } from './burst.ts'
import { type ConnectionState, createConnection, type Facts } from './connection.ts'
import { askWhy } from './handshake.ts'
import { createLogStore, type LogStore } from './log-store.ts'
import type { Message } from './message.ts'
import { createReconnect } from './reconnect.ts'
import { createStatistics, type Statistics } from './statistics.ts'

export type SessionState = {
  connection: ConnectionState
  /** When the next attempt to reconnect is due, in ms since the epoch; `undefined` while none is planned. */
  retryAt: number | undefined
}

export type SessionListener = {
  onState: (state: SessionState) => void
  onBurst: (progress: BurstProgress | undefined) => void
  /** The server's answer to a plain request, after a handshake has failed. */
  onAnswer: (answer: string) => void
}

/** The state of one tab: a connection with its log, statistics, reconnecting and burst. */
export type Session = {
  readonly log: LogStore
  readonly statistics: Statistics
  /** Messages received on all connections of this session. */
  readonly received: number
  facts(): Facts
  connect(address: string, protocols: string[]): void
  /** Closes the connection and stops reconnecting. The code and reason must be valid. */
  disconnect(code: number, reason: string): void
  send(message: Message): boolean
  /** Sets whether to reconnect when the connection ends unexpectedly. */
  setReconnect(isOn: boolean): void
  /** Makes a planned attempt immediately, for example because the network is back. */
  retryNow(): void
  /** Starts a burst, and stops one that is already running. */
  startBurst(options: BurstOptions): void
  stopBurst(): void
}

/** Creates a session that is not connected. */
export function createSession({ onState, onBurst, onAnswer }: SessionListener, pageOrigin: string): Session {
  const log = createLogStore()
  const statistics = createStatistics()
  const state: SessionState = { connection: 'disconnected', retryAt: undefined }
  let target: [address: string, protocols: string[]] = ['', []]
  let received = 0
  let isWanted = false
  let reconnects = false
  /** Whether this attempt follows a failed one: only the first failure in a row is investigated. */
  let isRetry = false
  let burst: Burst | undefined

  const reconnect = createReconnect({
    connect: () => connection.connect(...target),
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
      log.add(event)
      if (event.type === 'received') {
        received++
        statistics.received(event.roundTrip)
        burst?.answered()
      } else if (event.type === 'refused') {
        if (!isRetry) void explain(event.url)
        ended()
      } else if (event.type === 'disconnected') ended()
    },
  })

  async function explain(url: string) {
    const answer = await askWhy(url, { pageOrigin })
    log.add({ type: 'note', text: answer })
    onAnswer(answer)
  }

  function ended() {
    burst?.stop()
    if (!isWanted || !reconnects) return
    isRetry = true
    reconnect.closed()
  }

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
      reconnect.stop()
      isRetry = false
      // Replacing a connection ends it on purpose, so that is no reason to reconnect.
      isWanted = false
      connection.connect(address, protocols)
      isWanted = true
      target = [address, protocols]
    },

    disconnect(code, reason) {
      isWanted = false
      reconnect.stop()
      connection.disconnect(code, reason)
    },

    setReconnect(isOn) {
      reconnects = isOn
      if (!isOn) reconnect.stop()
    },

    startBurst(options) {
      burst?.stop()
      burst = createBurst(options, {
        send: connection.send,
        bufferedAmount: () => connection.facts().bufferedAmount,
        onProgress: onBurst,
        onEnd({ sent, answered, seconds, isStopped }) {
          burst = undefined
          onBurst(undefined)
          const rate = Math.round(answered / Math.max(seconds, 0.001))
          const [sentText, answeredText, rateText] = [sent, answered, rate].map(count => count.toLocaleString('en'))
          const how = isStopped ? 'stopped' : 'done'
          log.add({
            type: 'note',
            text: `Burst ${how}: ${sentText} sent, ${answeredText} answered in ${seconds.toFixed(2)} s, ${rateText} per second`,
          })
        },
      })
      burst.start()
    },

    stopBurst() {
      burst?.stop()
    },
  }
}
