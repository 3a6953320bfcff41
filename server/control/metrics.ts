import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry as Register } from '@prometheus-io/client'
import type { Observer, Opcode } from '../connection/observer.ts'
import type { Session } from '../connection/session.ts'
import type { Budget } from '../wire/budget.ts'
import { add, createTraffic } from '../wire/traffic.ts'

export type Metrics = ReturnType<typeof createMetrics>

/**
 * Creates the metrics. They count events from their observer, and read the rest from the connections on request.
 * @param budget of the process, if these are not only the metrics of some connections
 */
export function createMetrics(prefix: string, connections: ReadonlySet<Session>, budget?: Budget) {
  const register = new Register()
  const registers = [register]
  const scope = budget ? '' : ' (backend)'
  const describe = (name: string, help: string) => ({ name: `${prefix}_${name}`, help: help + scope, registers })
  const gauge = (name: string, help: string) => new Gauge(describe(name, help))
  const counter = <L extends string>(name: string, help: string, ...labelNames: L[]) =>
    new Counter({ ...describe(name, help), labelNames })

  if (budget) collectDefaultMetrics({ register })
  const open = gauge('connections_open', 'Open connections')
  const buffered = gauge('buffered_bytes', 'Memory of the bytes that wait to be sent')
  const memory = budget && {
    limit: gauge('memory_budget_bytes', 'The memory budget (MEMORY_BUDGET)'),
    kept: gauge('memory_kept_bytes', 'Memory in use for peers, in both directions'),
  }
  const handshakes = counter(
    'handshakes_total',
    'Handshakes by outcome: accepted, or the reason for refusing',
    'outcome',
  )
  const faults = counter('faults_total', 'Faults that took effect on a connection or a handshake', 'fault')
  const closes = counter('closes_total', 'Closed connections by close code or range of codes', 'code')
  const roundTrips = new Histogram({
    ...describe('ping_round_trip_seconds', 'Time from a ping to its pong'),
    buckets: [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
  })
  const frames = counter('messages_total', 'Messages, pings and pongs', 'direction', 'opcode')
  const bytes = counter('message_bytes_total', 'Payload bytes of messages, pings and pongs', 'direction', 'opcode')

  /** The traffic of closed connections. */
  const past = createTraffic()
  const createPair = () => ({ ping: { frames: 0, bytes: 0 }, pong: { frames: 0, bytes: 0 } })
  const controlFrames = { received: createPair(), sent: createPair() }

  const countControlFrame = (direction: 'received' | 'sent', opcode: Opcode, size: number) => {
    if (opcode !== 'ping' && opcode !== 'pong') return
    controlFrames[direction][opcode].frames++
    controlFrames[direction][opcode].bytes += size
  }

  const sumUp = () => {
    const traffic = createTraffic()
    for (const { received, sent } of [past, ...Array.from(connections, ({ traffic }) => traffic)]) {
      add(traffic.received, received)
      add(traffic.sent, sent)
    }
    frames.reset()
    bytes.reset()
    for (const direction of ['received', 'sent'] as const) {
      const { texts, textBytes, binaries, binaryBytes } = traffic[direction]
      const messages = { text: { frames: texts, bytes: textBytes }, binary: { frames: binaries, bytes: binaryBytes } }
      for (const [opcode, sum] of Object.entries({ ...messages, ...controlFrames[direction] })) {
        frames.inc({ direction, opcode }, sum.frames)
        bytes.inc({ direction, opcode }, sum.bytes)
      }
    }
  }

  const observer: Omit<Observer, 'wantsMessages'> = {
    opened: () => handshakes.inc({ outcome: 'accepted' }),
    triggered: ({ name }) => faults.inc({ fault: name }),
    refused: outcome => handshakes.inc({ outcome }),
    received: (_, opcode, payload) => countControlFrame('received', opcode, payload.length),
    sent: (opcode, size) => countControlFrame('sent', opcode, size),
    answered: milliseconds => roundTrips.observe(milliseconds / 1000),
    closed({ received, sent }, code) {
      add(past.received, received)
      add(past.sent, sent)
      closes.inc({ code: groupOf(code) })
    },
  }

  return {
    observer,
    contentType: register.contentType,
    /** @returns all metrics in the text format of Prometheus */
    read() {
      open.set(connections.size)
      buffered.set([...connections].reduce((sum, { waiting }) => sum + waiting, 0))
      if (budget) {
        memory?.limit.set(budget.limit)
        memory?.kept.set(budget.bytes)
      }
      sumUp()
      return register.metrics()
    },
  }
}

/** Keeps the codes of the protocol apart but groups those that peers choose freely, which would be too many series. */
function groupOf(code: number): string {
  if (code >= 3000 && code <= 4999) return code < 4000 ? '3xxx' : '4xxx'
  return code >= 1000 && code <= 1015 ? String(code) : 'other'
}
