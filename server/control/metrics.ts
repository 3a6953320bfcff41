import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from '@prometheus-io/client'
import type { Opcode, Refusal } from '../observer.ts'
import type { Server } from '../server.ts'
import { add, createTraffic, type Traffic } from '../traffic.ts'

export type Metrics = {
  accepted(): void
  refused(reason: Refusal): void
  /** A control frame came or went. */
  controlFrame(direction: 'received' | 'sent', opcode: Opcode, bytes: number): void
  answered(milliseconds: number): void
  closed(traffic: Traffic, code: number): void
  readonly contentType: string
  /** In Prometheus' text format. */
  read(): Promise<string>
}

/** Codes of the protocol are told one by one; of the others, which peers choose as they like, only the range. */
function groupOf(code: number): string {
  if (code >= 1000 && code <= 1015) return String(code)
  if (code >= 3000 && code <= 3999) return '3xxx'
  return code >= 4000 && code <= 4999 ? '4xxx' : 'other'
}

export function createMetrics(server: () => Pick<Server, 'connections'> | undefined): Metrics {
  const register = new Registry()
  const registers = [register]
  /** Of connections that are gone. */
  const past = createTraffic()
  const open = () => [...(server()?.connections ?? [])]

  collectDefaultMetrics({ register })

  new Gauge({
    name: 'websocket_connections_open',
    help: 'Open connections',
    registers,
    collect() {
      this.set(open().length)
    },
  })
  new Gauge({
    name: 'websocket_buffered_bytes',
    help: 'Bytes that wait to be sent, over all connections',
    registers,
    collect() {
      this.set(open().reduce((sum, { unsent }) => sum + unsent, 0))
    },
  })

  const handshakes = new Counter({
    name: 'websocket_handshakes_total',
    help: 'Handshakes by what came of them: accepted, or why they were refused',
    labelNames: ['outcome'],
    registers,
  })
  const closes = new Counter({
    name: 'websocket_closes_total',
    help: 'Connections that ended, by close code; codes that peers may choose freely by their range',
    labelNames: ['code'],
    registers,
  })
  const roundTrips = new Histogram({
    name: 'websocket_ping_round_trip_seconds',
    help: 'From a ping to its pong',
    buckets: [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
    registers,
  })

  const labelNames = ['direction', 'opcode'] as const
  const controlFrames = { frames: new Map<string, number>(), bytes: new Map<string, number>() }

  /** Messages and control frames, or their payloads' bytes, summed up when they are asked for. */
  const sum = (of: 'frames' | 'bytes', counter: Counter<'direction' | 'opcode'>) => {
    const traffic = createTraffic()
    for (const each of [past, ...open().map(ws => ws.traffic)]) {
      add(traffic.received, each.received)
      add(traffic.sent, each.sent)
    }
    counter.reset()
    for (const direction of ['received', 'sent'] as const) {
      const { texts, textBytes, binaries, binaryBytes } = traffic[direction]
      counter.inc({ direction, opcode: 'text' }, of === 'frames' ? texts : textBytes)
      counter.inc({ direction, opcode: 'binary' }, of === 'frames' ? binaries : binaryBytes)
      for (const opcode of ['ping', 'pong']) {
        counter.inc({ direction, opcode }, controlFrames[of].get(`${direction} ${opcode}`) ?? 0)
      }
    }
  }
  new Counter({
    name: 'websocket_messages_total',
    help: 'Messages, pings and pongs',
    labelNames,
    registers,
    collect() {
      sum('frames', this)
    },
  })
  new Counter({
    name: 'websocket_message_bytes_total',
    help: 'Bytes of their payloads',
    labelNames,
    registers,
    collect() {
      sum('bytes', this)
    },
  })

  return {
    contentType: register.contentType,
    read: () => register.metrics(),
    accepted: () => handshakes.inc({ outcome: 'accepted' }),
    refused: reason => handshakes.inc({ outcome: reason }),
    answered: milliseconds => roundTrips.observe(milliseconds / 1000),
    controlFrame(direction, opcode, bytes) {
      const key = `${direction} ${opcode}`
      for (const [counts, more] of [
        [controlFrames.frames, 1],
        [controlFrames.bytes, bytes],
      ] as const) {
        counts.set(key, (counts.get(key) ?? 0) + more)
      }
    },
    closed(traffic, code) {
      add(past.received, traffic.received)
      add(past.sent, traffic.sent)
      closes.inc({ code: groupOf(code) })
    },
  }
}
