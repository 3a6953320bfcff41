import type { Kind, Message } from '../connection/behaviour.ts'
import { describePeer, observe, type ProtocolName } from '../connection/session.ts'
import type { AdmittedSession } from '../http/admission.ts'
import type { Host } from '../http/protocol.ts'
import { printable, printablePayload } from '../log.ts'
import { count, createTraffic } from '../wire/traffic.ts'

export type SessionRecord = ReturnType<typeof createRecord>

/** Opens a session in the log and for the observer, and counts, logs and closes it from then on. */
export function createRecord(host: Host, protocol: ProtocolName, { peer, leave }: AdmittedSession) {
  const { logger, observer, registry } = host
  const id = ++registry.lastId
  const { address, testId } = peer
  const traffic = createTraffic()
  observer?.opened()
  logger.info({ connection: id, protocol, ...describePeer(peer) }, 'Connected!')

  const recordFault = (name: string, text: string) =>
    observer?.triggered({ connection: id, address, testId, name, text })

  return {
    id,
    protocol,
    testId: observer && testId,
    traffic,
    observation: observer && observe(peer),

    received({ payload, isBinary }: Message): void {
      count(traffic.received, isBinary, payload.length)
      if (observer?.wantsMessages) observer.received({ id, testId }, isBinary ? 'binary' : 'text', payload)
      if (logger.isLevelEnabled('debug')) {
        logger.debug({ connection: id }, `Message received : ${printablePayload(payload, isBinary)}`)
      }
    },

    sent(isBinary: boolean, bytes: number, kind: Kind): void {
      count(traffic.sent, isBinary, bytes)
      if (kind === 'reply') logger.debug({ connection: id }, 'Just replied')
    },

    logFault(name: string, text: string): void {
      logger.info({ connection: id, fault: printable(text) }, 'Triggered a fault')
      recordFault(name, text)
    },

    recordFault,

    /** Logs why the server ends the session. */
    failed(problem: string, event: 'Failed the connection' | 'Gave up the connection'): void {
      logger.info({ connection: id, problem }, event)
    },

    /** Ends the record, and gives up the place. Call it once. */
    end(code: number, reason: string): void {
      leave()
      const messages = traffic.received.texts + traffic.received.binaries
      logger.info({ connection: id, protocol, code, reason: printable(reason) || undefined, messages }, 'Disconnected')
      observer?.received({ id, testId }, 'close', Buffer.from(reason), code)
      observer?.closed(traffic, code)
    },
  }
}
