import type { WebSocket } from 'ws'
import { whenReading } from './backpressure.ts'

/** Bytes from which on a message is worth compressing. */
export const COMPRESSION_THRESHOLD = 1024

type Done = (error: Error | null, data: Buffer) => void
type Transform = (data: Buffer, isFinal: boolean, done: Done) => void

/** What `ws` keeps privately for a connection that negotiated permessage-deflate (RFC 7692). */
type PerMessageDeflate = { compress: Transform; decompress: Transform; cleanup(): void }
type Compressing = { _extensions: Record<string, PerMessageDeflate | undefined> }

/** The part of `ws` that reads frames. */
type Receiving = { _receiver: { _errored: boolean; _write(chunk: Buffer, encoding: string, done: () => void): void } }

/**
 * Keeps every chunk from the receiver once it has failed. While it inflates, chunks wait in its queue; when one of them
 * breaks the protocol, the queue gives it the next one all the same, and it would end the process with a TypeError.
 */
export function guardReceiver(ws: WebSocket): void {
  const receiver = (ws as unknown as Receiving)._receiver
  const write = receiver._write.bind(receiver)
  receiver._write = (chunk, encoding, done) => (receiver._errored ? done() : write(chunk, encoding, done))
}

/**
 * Keeps a compressing connection's memory small: it inflates nothing while replies wait to be sent, and gives its zlib
 * streams, some 230 KB, back whenever none of its messages is being compressed or decompressed. Without context
 * takeover, a stream knows nothing that the next one needs.
 */
export function boundCompression(ws: WebSocket): void {
  const deflate = (ws as unknown as Compressing)._extensions['permessage-deflate']
  if (!deflate) return
  let active = 0
  let isFragmented = false

  const counting = (transform: Transform): Transform => {
    return (data, isFinal, done) => {
      active++
      transform.call(deflate, data, isFinal, (error, result) => {
        done(error, result)
        active--
        if (active === 0 && !isFragmented) deflate.cleanup()
      })
    }
  }

  deflate.compress = counting(deflate.compress)
  const decompress = counting(deflate.decompress)
  deflate.decompress = (data, isFinal, done) => {
    whenReading(ws, () => {
      isFragmented = !isFinal
      decompress(data, isFinal, done)
    })
  }
}
