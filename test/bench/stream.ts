import { randomBytes } from 'node:crypto'
import { frame, opcodes } from '../suite/raw-client.ts'
import type { Peer } from './peer.ts'

/** The bytes of all messages that a connection sends in a loop, and of all expected replies. */
export type Stream = {
  /** The number of different messages, which is more than are ever in flight. */
  count: number
  requests: Buffer
  requestLength: number
  replies: Buffer
  replyLength: number
}

/** The maximum bytes per read. Both buffers are longer by this, so that no comparison has to wrap around. */
export const CHUNK = 2 ** 18
const RING = 2 ** 20

/** Creates masked text messages of `size` bytes that start with their number, and the replies to them. */
export function createStream(peer: Pick<Peer, 'url' | 'prefix'>, size: number, inFlight: number): Stream {
  const count = Math.max(2 * inFlight, Math.min(4096, Math.ceil(RING / size)))
  const texts = Array.from({ length: count }, (_, number) =>
    `${String(number).padStart(8, '0')}${randomBytes(size).toString('base64')}`.slice(0, size),
  )
  const requests = texts.map(text => frame(opcodes.text, text))
  const replies = peer.url.startsWith('tcp:')
    ? requests
    : texts.map(text => frame(opcodes.text, peer.prefix + text, { mask: false }))
  const lengthOf = (frames: Buffer[]) => frames[0]?.length ?? 0
  return {
    count,
    requests: Buffer.concat([...requests, ...requests.slice(0, inFlight)]),
    requestLength: lengthOf(requests),
    replies: Buffer.concat([...replies, ...replies.slice(0, Math.ceil(CHUNK / lengthOf(replies)))]),
    replyLength: lengthOf(replies),
  }
}
