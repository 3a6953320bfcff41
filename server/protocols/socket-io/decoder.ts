import { EventEmitter } from 'node:events'
import { Decoder, type Packet, PacketType } from 'socket.io-parser'

// The most arguments of an event. The packages pass them on as arguments of a function, of which the stack holds only
// some ten thousand: more would end the process.
const MAX_ARGUMENTS = 1000

/**
 * Creates a decoder of Socket.IO that throws on an event without a name and on a packet with too many arguments, as it
 * does on an invalid one. Socket.IO calls it with `new`.
 */
export function createDecoder() {
  const decoder = new Decoder()
  const emitter = new EventEmitter()
  decoder.on('decoded', (packet: Packet) => {
    const { type, data } = packet
    if (type === PacketType.EVENT && data === undefined) throw new Error('An event without a name')
    if (Array.isArray(data) && data.length > MAX_ARGUMENTS) throw new Error('Too many arguments')
    emitter.emit('decoded', packet)
  })
  return Object.assign(emitter, {
    add: (data: unknown) => decoder.add(data),
    destroy: () => decoder.destroy(),
  })
}
