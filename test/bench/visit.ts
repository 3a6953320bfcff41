import { once } from 'node:events'
import { connect } from 'node:net'
import { deflate, inflate } from '../suite/deflate.ts'
import { connectRaw, frame, opcodes } from '../suite/raw-client.ts'
import type { Peer } from './peer.ts'

/** Connects to a server, verifies one echo, and stays connected until the server ends. */
export type Visit = (peer: Peer) => Promise<void>

const TEXT = 'Twenty bytes of text'

export const visit: Visit = peer => (peer.url.startsWith('tcp:') ? visitRaw(peer) : visitPlain(peer))

function verify(peer: Peer, reply: Buffer, expected: string): void {
  if (reply.equals(Buffer.from(expected))) return
  throw new Error(`${peer.name}: expected ${JSON.stringify(expected)}, got ${JSON.stringify(reply.toString())}`)
}

const visitPlain: Visit = async peer => {
  const client = await connectRaw(peer.url)
  client.socket.write(frame(opcodes.text, TEXT))
  verify(peer, (await client.frame()).payload, peer.prefix + TEXT)
}

const visitRaw: Visit = async peer => {
  const socket = connect(Number(new URL(peer.url).port), new URL(peer.url).hostname)
  socket.on('error', () => {})
  await once(socket, 'connect')
  socket.write(TEXT)
  let reply: Buffer = Buffer.alloc(0)
  while (reply.length < TEXT.length) reply = Buffer.concat([reply, (await once(socket, 'data'))[0]])
  verify(peer, reply, TEXT)
}

const LONG_TEXT = Array.from({ length: 200 }, (_, number) => `${number ** 3} bottles`).join(' ')
const COMPRESSED = deflate(LONG_TEXT)

/** Visits with permessage-deflate (RFC 7692) and a text that compresses well. */
export const visitCompressed: Visit = async peer => {
  const client = await connectRaw(peer.url, { 'Sec-WebSocket-Extensions': 'permessage-deflate' })
  client.socket.write(frame(opcodes.text, COMPRESSED, { rsv: 4 }))
  const { rsv, payload } = await client.frame()
  if (rsv !== 4) throw new Error(`${peer.name} did not compress its reply`)
  verify(peer, inflate(payload), peer.prefix + LONG_TEXT)
}
