import { once } from 'node:events'
import { connect as connectTcp, type Socket } from 'node:net'

/** A frame (RFC 6455, section 5.2). */
export type Frame = { fin: boolean; rsv: number; opcode: number; payload: Buffer }

/** A client that sends raw bytes and reads frames. */
export type RawClient = {
  socket: Socket
  /** The status line and headers of the response to the handshake. */
  head: string
  /** Resolves with the next frame; rejects when the connection ends without one. */
  frame(): Promise<Frame>
  /** Resolves with the next `count` bytes. Rejects when the connection ends before. */
  bytes(count: number): Promise<Buffer>
  /** Resolves with all remaining bytes when the connection has ended. */
  end(): Promise<Buffer>
}

export const opcodes = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 }

const MASK = Buffer.from([0x12, 0x34, 0x56, 0x78])

export type FrameOptions = { fin?: boolean; rsv?: number; mask?: boolean }

/** Builds a frame of a client, by default final and masked. */
export function frame(
  opcode: number,
  payload: Uint8Array | string = '',
  { fin = true, rsv = 0, mask = true }: FrameOptions = {},
): Buffer {
  const data = Buffer.from(payload)
  const bits = mask ? 0x80 : 0
  const first = (fin ? 0x80 : 0) | (rsv << 4) | opcode
  let header: Buffer
  if (data.length < 126) {
    header = Buffer.from([first, bits | data.length])
  } else if (data.length < 65_536) {
    header = Buffer.from([first, bits | 126, 0, 0])
    header.writeUInt16BE(data.length, 2)
  } else {
    header = Buffer.from([first, bits | 127, 0, 0, 0, 0, 0, 0, 0, 0])
    header.writeUIntBE(data.length, 4, 6)
  }
  if (!mask) return Buffer.concat([header, data])
  for (let i = 0; i < data.length; i++) data[i] = (data[i] ?? 0) ^ (MASK[i % 4] ?? 0)
  return Buffer.concat([header, MASK, data])
}

/** Builds the payload of a close frame (section 5.5.1). */
export function closePayload(code: number, reason: Uint8Array | string = ''): Buffer {
  const payload = Buffer.alloc(2)
  payload.writeUInt16BE(code)
  return Buffer.concat([payload, Buffer.from(reason)])
}

/** Parses the first frame; `undefined` if it is incomplete. */
export function parseFrame(bytes: Buffer): { frame: Frame; length: number } | undefined {
  if (bytes.length < 2) return undefined
  const [first = 0, second = 0] = bytes
  const extra = { 126: 2, 127: 8 }[second & 0x7f] ?? 0
  if (bytes.length < 2 + extra) return undefined
  const size = extra === 2 ? bytes.readUInt16BE(2) : extra === 8 ? bytes.readUIntBE(4, 6) : second & 0x7f
  const length = 2 + extra + size
  if (bytes.length < length) return undefined
  const payload = bytes.subarray(2 + extra, length)
  return { frame: { fin: first >= 0x80, rsv: (first >> 4) & 7, opcode: first & 15, payload }, length }
}

type Received = Pick<Frame, 'opcode' | 'payload'>

/**
 * Compares the frames that came through a relay with those that the backend alone would send. The relay answers pings at
 * once, so pongs overtake replies, and it does not wait for replies after a violation of the protocol.
 * @returns the frames in the order of the expected ones, without those that may be missing
 */
export function alignRelayed<E extends Received>(came: Received[], expected: E[]): { came: Received[]; expected: E[] } {
  const isPong = ({ opcode }: Received) => opcode === opcodes.pong
  const last = expected.at(-1)
  const isFailed = last?.opcode === opcodes.close && /^03(ea|ef|f1)$/.test(last.payload.toString('hex'))
  const replies = (frames: Received[]) => frames.filter(({ opcode }) => opcode < opcodes.close)
  const missing = isFailed ? replies(expected).slice(replies(came).length) : []
  const due = expected.filter(frame => !missing.includes(frame))
  const [pongs, others] = [came.filter(isPong), came.filter(frame => !isPong(frame))]
  const aligned = due.map(frame => (isPong(frame) ? pongs : others).shift())
  return { came: [...aligned.filter(frame => frame !== undefined), ...pongs, ...others], expected: due }
}

/** Resolves with all frames up to a close frame. */
export async function framesUntilClose(client: RawClient): Promise<Frame[]> {
  const frames: Frame[] = []
  do frames.push(await client.frame())
  while (frames.at(-1)?.opcode !== opcodes.close)
  return frames
}

const KEY = 'dGhlIHNhbXBsZSBub25jZQ=='

/** Builds a client's opening handshake (section 4.1), without the final blank line. */
export function handshake(url: string, headers: Record<string, string> = {}): string {
  const { host, pathname, search } = new URL(url)
  const all = {
    Host: host,
    Upgrade: 'websocket',
    Connection: 'Upgrade',
    'Sec-WebSocket-Key': KEY,
    'Sec-WebSocket-Version': '13',
    ...headers,
  }
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`)
  return `GET ${pathname}${search} HTTP/1.1\r\n${lines.join('')}`
}

/** Resolves with the next frame that is not a ping, and answers pings before it. */
export async function nextAfterPings(client: RawClient): Promise<Frame> {
  for (;;) {
    const next = await client.frame()
    if (next.opcode !== opcodes.ping) return next
    client.socket.write(frame(opcodes.pong, next.payload))
  }
}

/** Opens a TCP connection and makes a handshake. Resolves with any response, even one that refuses it. */
export async function connectRaw(url: string, headers?: Record<string, string>): Promise<RawClient> {
  const { hostname, port } = new URL(url)
  const socket = connectTcp(Number(port || 80), hostname)
  socket.on('error', () => {})
  let bytes: Buffer = Buffer.alloc(0)
  let ended = false
  let arrival = Promise.withResolvers<void>()
  const wake = () => {
    arrival.resolve()
    arrival = Promise.withResolvers()
  }
  socket.on('data', chunk => {
    bytes = Buffer.concat([bytes, chunk])
    wake()
  })
  socket.on('close', () => {
    ended = true
    wake()
  })
  const until = async <T>(take: () => T | undefined): Promise<T> => {
    for (;;) {
      const taken = take()
      if (taken !== undefined) return taken
      if (ended)
        throw new Error(`the connection ended with ${bytes.length} bytes left: ${bytes.toString('hex', 0, 64)}`)
      await arrival.promise
    }
  }

  await once(socket, 'connect')
  socket.write(`${handshake(url, headers)}\r\n`)
  const head = await until(() => {
    const end = bytes.indexOf('\r\n\r\n')
    if (end < 0) return undefined
    const text = bytes.toString('latin1', 0, end)
    bytes = bytes.subarray(end + 4)
    return text
  })

  return {
    socket,
    head,
    frame: () =>
      until(() => {
        const parsed = parseFrame(bytes)
        if (parsed) bytes = bytes.subarray(parsed.length)
        return parsed?.frame
      }),
    bytes: count =>
      until(() => {
        if (bytes.length < count) return undefined
        const taken = bytes.subarray(0, count)
        bytes = bytes.subarray(count)
        return taken
      }),
    end: () => until(() => (ended ? bytes : undefined)),
  }
}
