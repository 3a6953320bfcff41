import { randomBytes } from 'node:crypto'
import { frame, opcodes } from '../suite/raw-client.ts'
import type { Peer } from './peer.ts'

/** The bytes of every message that a connection sends, and of every reply that it must get, over and over. */
export type Stream = {
  /** How many messages there are before the first comes again: more than ever are in flight. */
  count: number
  requests: Buffer
  requestLength: number
  replies: Buffer
  replyLength: number
}

/** The most bytes read at once, by which both rings are longer, so that what goes round is one piece. */
export const CHUNK = 2 ** 18
const RING = 2 ** 20

/** Makes different texts of `size` bytes that begin with their number, masked, and their replies. */
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
