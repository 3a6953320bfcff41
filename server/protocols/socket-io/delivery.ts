import type { Socket as EngineSocket } from 'engine.io'
import { costOf } from '../../wire/flow.ts'

type Packet = { data?: string | Buffer }

export type Delivery = ReturnType<typeof createDelivery>

const sizeOf = ({ data = '' }: Packet) => costOf(data.length)

/**
 * Follows the packets of a session until they are sent.
 * @param countWaiting counts the memory of packets that wait for a transport. Negative when one takes them.
 */
export function createDelivery(conn: EngineSocket, countWaiting: (cost: number) => void) {
  let made: (() => void)[] = []
  let onTheWay: (() => void)[] = []
  let flushed = 0

  conn.on('packetCreate', (packet: Packet) => countWaiting(sizeOf(packet)))
  conn.on('flush', (packets: Packet[]) => {
    flushed = packets.reduce((sum, packet) => sum + sizeOf(packet), flushed)
    onTheWay.push(...made)
    made = []
  })
  // Not before, because it may read more packets, while Engine.IO is in the middle of the flush.
  conn.on('drain', () => {
    const cost = flushed
    flushed = 0
    countWaiting(-cost)
  })

  return {
    /** Calls back when the packets that are made next have been sent. */
    afterNext(onSent: () => void): void {
      made.push(onSent)
    },

    /** Returns a callback for the packets that a transport has just taken, to be called when they are sent. */
    takeOnTheWay(): () => void {
      const callbacks = onTheWay
      onTheWay = []
      return () => {
        for (const callback of callbacks) callback()
      }
    },
  }
}
