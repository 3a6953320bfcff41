import type { IncomingMessage } from 'node:http'
import type { Kind } from '../connection/behaviour.ts'
import type { AdmittedSession } from '../http/admission.ts'
import type { Host } from '../http/protocol.ts'
import type { Channel, ChannelEvents } from '../protocols/channel.ts'
import { createSession, type Transport } from '../protocols/session.ts'
import { call, createHub } from './hub.ts'

/** Carries records. A channel is such a transport as it is. */
export type RecordTransport = Transport & Pick<Channel, 'send' | 'close'>

// Milliseconds between pings of either side. Clients give up after twice this time, the server after three times.
const PING_INTERVAL = 15_000

/** Opens a session of the hub. */
export function openSession(
  host: Host,
  request: IncomingMessage,
  admitted: AdmittedSession,
  open: (events: ChannelEvents) => RecordTransport,
): void {
  /** The last records, if the client has ended the session. */
  let lastRecords: string | undefined
  /** The bytes that had arrived at the last ping, and the pings since then. */
  let bytesRead = 0
  let unanswered = 0
  const { heartbeatInterval, signalrPing: pingInterval = PING_INTERVAL } = host
  const mostUnanswered = heartbeatInterval ? Math.max(3, heartbeatInterval / pingInterval) : Number.POSITIVE_INFINITY

  const send = (records: string | Buffer, kind: Kind = 'push', onSent = () => {}) => {
    const payload = Buffer.from(records)
    const { length } = payload
    transport.send(payload, false, () => {
      session.sent(false, length, kind)
      onSent()
      session.proceed()
    })
  }

  const hub = createHub(host.replyPrefix, {
    reply: records => session.reply({ payload: Buffer.from(records), isBinary: false }),
    send(records, onSent) {
      if (session.state === 'open') send(records, 'push', onSent)
    },
    end(records) {
      lastRecords = records
      session.dismiss(records === '' ? 1000 : 1002, '')
    },
  })

  const pings = setInterval(() => {
    const { isReachable, flow, bytes } = transport
    // A client that is not read from cannot show that it is there, nor can one that waits for a session that has stalled.
    const isExcused = isReachable ? session.state === 'silent' && isReachable() : flow.isHeld
    unanswered = isExcused || bytes.read > bytesRead ? 0 : unanswered + 1
    bytesRead = bytes.read
    if (flow.waiting === 0) hub.ping()
    if (unanswered < mostUnanswered) return
    session.failed('No request from the client', 'Gave up the connection')
    session.destroy()
  }, pingInterval)

  const transport = open({
    onMessage(payload, isBinary, done) {
      if (session.state !== 'open') return
      session.received({ payload, isBinary })
      session.handle(payload, hub.receive, done)
    },
    onFailure(problem, code) {
      session.failed(problem, 'Failed the connection')
      session.dismiss(code, problem)
    },
    onGone(code, reason) {
      hub.stop()
      clearInterval(pings)
      session.end(code, reason)
    },
  })

  const session = createSession(host, 'signalr', request, admitted, transport, {
    isReady: hub.isOpen,
    send({ payload, isBinary }, kind, onSent) {
      // The control port pushes messages that are no records.
      if (kind === 'reply') send(payload, kind, onSent)
      else send(call('message', [payload.toString(isBinary ? 'base64' : 'utf8')]), kind, onSent)
    },
    close(code, reason) {
      const records = lastRecords ?? hub.farewell(code === 1000 ? undefined : reason || `closed with ${code}`)
      if (records !== '') send(records)
      transport.close(code, reason)
    },
  })
  session.start()
}
