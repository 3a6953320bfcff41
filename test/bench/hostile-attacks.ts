import { deflate } from '../suite/deflate.ts'
import { frame, opcodes } from '../suite/raw-client.ts'

/**
 * A port of the composed stack: NGINX's port for WebSockets, NGINX's port for the page, or the server's own port, which
 * is published only by this bench.
 */
export type Door = 'ws' | 'page' | 'server'

/** A group of equal connections in an attack. */
export type Part = {
  connections: number
  /** Path and query of the handshake. Without them, there is no handshake. */
  target?: string
  door?: Door
  headers?: Record<string, string>
  /** Sent when the connection is open, once or `times` times. */
  first?: Buffer
  times?: (index: number) => number
  /** Sent repeatedly after that, up to `most` bytes per connection. */
  again?: Buffer
  most?: number
  /** Milliseconds between two writes. By default, it writes as fast as the connection accepts. */
  every?: number
  /** Whether it reads replies. */
  reads?: boolean
  /** Whether it sends data before the handshake has been answered. */
  early?: boolean
}

/** An attack on the composed stack. Each part starts when the connections of the previous one are open. */
export type Attack = {
  /** A description for the table. */
  sends: string
  parts: Part[]
  /** Its duration in seconds. */
  lasts?: number
  /** The maximum duration in seconds while connections are still being opened. */
  opens?: number
  /** Settings of the server that differ from those of compose. */
  env?: Record<string, string>
  quick?: true
}

/** The data that every connection of a flood sends. */
export type Flood = Omit<Part, 'connections' | 'door'> & {
  sends: string
  env?: Record<string, string>
  quick?: true
}

const KiB = 2 ** 10
const MiB = 2 ** 20

const { binary, continuation, ping } = opcodes
const headers = { 'Sec-WebSocket-Extensions': 'permessage-deflate' }

const many = (count: number, bytes: Buffer) => Buffer.concat(Array<Buffer>(count).fill(bytes))
const get = (path: string) => Buffer.from(`GET ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`)

const empty = frame(binary)
const emptyPing = frame(ping)
const empties = many(5000, empty)
const emptyPings = many(5000, emptyPing)
const compressedTiny = frame(binary, deflate('tiny'), { rsv: 4 })
const whole = frame(binary, Buffer.alloc(MiB))
// 1 MiB, compressed to 1 KiB.
const inflated = deflate(Buffer.alloc(MiB - 8))
const bomb = frame(binary, inflated, { rsv: 4 })
// Leaves just enough room below HIGH_WATER_MARK for the server to accept another bomb.
const smallerBomb = frame(binary, deflate(Buffer.alloc(MiB - KiB)), { rsv: 4 })
const unfinishedBomb = frame(binary, inflated.subarray(0, -1), { rsv: 4, fin: false })
const badQuery = get(`/?loss=x${'&a'.repeat(7000)}`)

const compressed = { target: '/raw', headers }
// Echoes of 32 KiB fill the kernel's buffers to a different level on each connection, so that some are exactly full.
const filled = { target: '/raw', first: frame(binary, Buffer.alloc(32 * KiB)), times: (i: number) => 8 * (i % 45) }

/** Most have ten times the size that once killed or blocked a replica; the others are variants of these attacks. */
export const attacks: Record<string, Attack> = {
  'tiny-unread': {
    sends: 'empty messages',
    parts: [{ ...filled, connections: 10 * 9, again: empties, most: 3 * MiB }],
    lasts: 8,
  },
  'pings-unread': {
    sends: 'empty pings',
    parts: [{ target: '/raw', connections: 10 * 9, again: emptyPings, most: 3.2 * MiB }],
    quick: true,
  },
  'pings-rate': {
    sends: 'empty pings, `rate=1`',
    parts: [{ target: '/?rate=1', connections: 10 * 9, again: emptyPings, most: 3.2 * MiB }],
  },
  'tiny-read': {
    sends: 'empty messages, and reads',
    parts: [{ target: '/raw', connections: 10, again: empties, reads: true }],
  },
  'tiny-journal': {
    sends: 'empty messages, and reads; with the journal on',
    parts: [{ target: '/raw', connections: 10, again: empties, reads: true }],
    env: { CONTROL_PORT: '7778', JOURNAL_SIZE: '64MiB' },
  },
  repeat: {
    sends: '2,000 empty messages, `repeat=1000`, and reads',
    parts: [{ target: '/raw?repeat=1000', connections: 10, first: many(2000, empty), reads: true }],
    quick: true,
  },
  'repeat-unread': {
    sends: '2,000 empty messages, `repeat=1000`',
    parts: [{ target: '/raw?repeat=1000', connections: 10 * 10, first: many(2000, empty) }],
  },
  fragfirst: {
    sends: '1 MiB in 1 KiB, without its last frame',
    parts: [
      { ...compressed, connections: 10 * 900, first: unfinishedBomb },
      { ...compressed, door: 'server', connections: 10 * 600, first: unfinishedBomb },
    ],
    opens: 30,
    quick: true,
  },
  delay: {
    sends: 'two bombs of 1 KiB, `delay=5m`',
    parts: [
      {
        target: '/raw?delay=5m',
        headers,
        connections: 10 * 700,
        first: Buffer.concat([smallerBomb, bomb, many(50, empty)]),
      },
    ],
    opens: 15,
  },
  rate: {
    sends: 'two bombs of 1 KiB, `rate=1&fragment=1MiB`',
    parts: [
      {
        target: '/raw?rate=1&fragment=1MiB',
        headers,
        connections: 10 * 700,
        first: many(2, bomb),
      },
    ],
    opens: 15,
  },
  large: {
    sends: '12 messages of 1 MiB',
    parts: [
      {
        target: '/raw',
        connections: 10 * 900,
        again: whole,
        most: 12 * MiB,
      },
    ],
    lasts: 8,
  },
  'bad-queries': {
    sends: 'invalid queries of 14 kB',
    parts: [{ connections: 10 * 900, first: badQuery }],
    opens: 15,
    quick: true,
  },
  'bad-queries-pipelined': {
    sends: 'four queries of 14 kB at once, past NGINX',
    parts: [{ door: 'server', connections: 10 * 200, first: many(4, badQuery) }],
  },
  'requests-pipelined': {
    sends: '1,500 plain requests at once, half of them past NGINX',
    parts: (['ws', 'server'] as const).map(door => ({ door, connections: 10 * 7, first: many(1500, get('/')) })),
  },
  'page-pipelined': {
    sends: '1,500 requests for a file of the page at once',
    parts: [{ door: 'page', connections: 10 * 14, first: many(1500, get('/main.js.map')) }],
  },
  'pings-while-deflating': {
    sends: 'bombs with `repeat=1000`, and reads; 40 others: pings',
    parts: [
      { target: '/raw?repeat=1000', headers, connections: 300, first: bomb, reads: true },
      { ...compressed, connections: 10 * 4, first: bomb, again: emptyPings },
    ],
    lasts: 8,
  },
  early: {
    sends: '975 kB before the handshake is answered, `handshake-delay=5m`, past NGINX',
    parts: [
      {
        target: '/?handshake-delay=5m',
        door: 'server',
        connections: 10 * 700,
        early: true,
        again: Buffer.alloc(65_000),
        most: 15 * 65_000,
      },
    ],
    opens: 15,
  },
  'early-nginx': {
    sends: '975 kB before the handshake is answered, `handshake-delay=5m`',
    parts: [
      {
        target: '/?handshake-delay=5m',
        connections: 10 * 700,
        early: true,
        again: Buffer.alloc(65_000),
        most: 15 * 65_000,
      },
    ],
    opens: 12,
  },
  bombs: {
    sends: '20 bombs',
    parts: [{ ...compressed, connections: 10, first: many(20, bomb) }],
  },
  'bombs-repeat': {
    sends: 'a bomb, `repeat=1000`, and reads',
    parts: [{ target: '/raw?repeat=1000', headers, connections: 10, first: bomb, reads: true }],
  },
  'bombs-fragment': {
    sends: 'a bomb, `repeat=1000&fragment=1`, and reads',
    parts: [{ target: '/raw?repeat=1000&fragment=1', headers, connections: 10, first: bomb, reads: true }],
  },
  'bombs-fragment-unread': {
    sends: 'a bomb, `repeat=1000&fragment=1`',
    parts: [{ target: '/raw?repeat=1000&fragment=1', headers, connections: 10, first: bomb }],
  },
  fragments: {
    sends: '16,000 fragments of 1 byte, without the last one',
    parts: [
      {
        target: '/raw',
        connections: 1000,
        first: Buffer.concat([
          frame(binary, 'x', { fin: false }),
          many(15_999, frame(continuation, 'x', { fin: false })),
        ]),
      },
    ],
  },
  partial: {
    sends: 'all but the last byte of a message of 1 MiB',
    parts: [{ target: '/raw', connections: 2000, first: whole.subarray(0, -1) }],
    opens: 15,
  },
  'partial-dripped': {
    sends: 'a message of 1 MiB, one byte in each segment, past NGINX',
    parts: [
      {
        target: '/raw',
        door: 'server',
        connections: 200,
        first: whole.subarray(0, 14),
        again: Buffer.alloc(1),
        every: 20,
      },
    ],
  },
  tick: { sends: 'nothing, `tick=10ms`', parts: [{ target: '/?tick=10ms', connections: 1000 }] },
  hello: {
    sends: 'headers of 8 kB, `hello`',
    parts: [{ target: '/?hello', headers: { 'X-Long': 'x'.repeat(8000) }, connections: 5000 }],
    opens: 12,
  },
  headers: {
    sends: 'headers without an end',
    parts: [
      { connections: 1000, first: Buffer.from('GET / HTTP/1.1\r\nX: '), again: Buffer.alloc(100, 'x'), every: 100 },
    ],
  },
  idle: {
    sends: 'nothing',
    parts: [{ target: '/raw', connections: 9000 }],
    opens: 15,
  },
}

const flood = many(10_000, empty)
const tiny = { sends: 'empty messages', target: '/raw', again: flood, reads: true }
const debug = { LOG_LEVEL: 'debug' }

/** Each flood is sent by one connection and then by fifty, while the echoes of a bystander are measured. */
export const floods: Record<string, Flood> = {
  tiny: { ...tiny, quick: true },
  'tiny-unread': { ...tiny, reads: false },
  pings: { ...tiny, sends: 'empty pings', again: many(10_000, emptyPing) },
  debug: { ...tiny, sends: 'empty messages, `LOG_LEVEL=debug`', env: debug, quick: true },
  repeat: { ...tiny, sends: 'empty messages, `repeat=1000`', target: '/raw?repeat=1000', quick: true },
  delay: {
    ...tiny,
    sends: 'messages of 16 bytes, `delay=1ms&fragment=1`',
    target: '/raw?delay=1ms&fragment=1',
    again: many(3000, frame(binary, Buffer.alloc(16))),
  },
  loss: { ...tiny, sends: 'empty messages, `loss=0.5`', target: '/raw?loss=0.5' },
  bombs: { ...tiny, sends: 'bombs: 1 MiB in 1 KiB', headers, again: many(64, bomb) },
  compressed: { ...tiny, sends: 'compressed messages of 4 bytes', headers, again: many(6000, compressedTiny) },
  combined: {
    ...tiny,
    sends: 'compressed messages of 4 bytes, `delay=1ms&loss=0.5`, `LOG_LEVEL=debug`',
    target: '/raw?delay=1ms&loss=0.5',
    headers,
    again: many(6000, compressedTiny),
    env: debug,
  },
}
