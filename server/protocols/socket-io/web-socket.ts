import { EventEmitter } from 'node:events'
import type { Channel, ChannelEvents } from '../channel.ts'

type Sent = (error?: Error) => void

/**
 * Shows a channel to Engine.IO as the WebSocket that it expects.
 * @param open opens the channel with these events
 */
export function createWebSocket(open: (events: Pick<ChannelEvents, 'onMessage' | 'onGone'>) => Channel) {
  const emitter = new EventEmitter()
  let ending: { code?: number; reason?: string } = {}
  let isMuted = false
  const channel = open({
    onMessage: (payload, isBinary) => void emitter.emit('message', payload, isBinary),
    onGone: code => void emitter.emit('close', code),
  })

  return {
    channel,
    socket: Object.assign(emitter, {
      send(data: string | Buffer, sent: Sent): void {
        // Engine.IO sends nothing more until it is called back.
        if (isMuted) return
        const isBinary = typeof data !== 'string'
        channel.send(isBinary ? data : Buffer.from(data), isBinary, sent)
      },
      close: () => channel.close(ending.code, ending.reason),
    }),

    /** Sends nothing more. */
    mute(): void {
      isMuted = true
    },

    /** Sets the close frame with which Engine.IO closes the channel. */
    endWith(code: number, reason: string): void {
      ending = { code, reason }
    },
  }
}

export type EngineWebSocket = ReturnType<typeof createWebSocket>
