import { readAddress } from './address.ts'
import { type Burst, type BurstOptions, type BurstProgress, createBurst } from './burst.ts'
import { type ConnectionEvent, type ConnectionState, createConnection, type Facts } from './connection.ts'
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
}

/** The state of one tab: a connection with its log, statistics, reconnecting and burst. */
export type Session = {
  readonly log: LogStore
  readonly statistics: Statistics
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
  /** Starts a burst, and stops one that is already running. */
  startBurst(options: BurstOptions): void
  stopBurst(): void
}

/** The events that end an open connection. */
const ENDS: ConnectionEvent['type'][] = ['disconnected', 'cancelled', 'replaced', 'left']

/** Creates a session that is not connected. */
export function createSession({ onState, onBurst }: SessionListener, pageOrigin: string): Session {
  const log = createLogStore()
  const statistics = createStatistics()
  const state: SessionState = { connection: 'disconnected', retryAt: undefined }
  let target: [address: string, protocols: string[]] = ['', []]
  let isWanted = false
  let reconnects = false
  let isSuspended = false
  /** The newest explanation of a failed handshake: a retry that fails for the same reason needs no second one. */
  let explanation = ''
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
        statistics.received(event.roundTrip)
        burst?.answered()
      } else if (event.type === 'refused') {
        void explain(event.url)
        ended()
      } else if (ENDS.includes(event.type)) ended()
    },
  })

  async function explain(url: string) {
    const text = await askWhy(url, { pageOrigin })
    if (text === explanation) return
    explanation = text
    log.add({ type: 'note', text })
  }

  function ended() {
    burst?.stop()
    if (isWanted && reconnects) reconnect.closed()
  }

  return {
    log,
    statistics,
    facts: connection.facts,
    send: connection.send,
    retryNow: reconnect.retryNow,

    connect(address, protocols) {
      reconnect.stop()
      explanation = ''
      // Replacing a connection ends it on purpose, so that is no reason to reconnect.
      isWanted = false
      const read = readAddress(address, new URL(pageOrigin).protocol)
      target = ['url' in read ? read.url : address, protocols]
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
