import { connect as connectTcp, type Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'
import { deflate } from '../suite/deflate.ts'
import { closePayload, frame, handshake, opcodes } from '../suite/raw-client.ts'

const { text, binary, close, ping } = opcodes

// Milliseconds after which each attack is over, after which it comes again, and from one connection's start to the next.
const LIFETIME = 120_000
const PAUSE = 500
const STAGGER = 50

// Bytes that one connection sends at most: what is to be seen is what they cost the server, not the network. And those
// that it sends at once; with more, the machine would be busy and not the server.
const MOST = 10 * 2 ** 20
const BATCH = 2 ** 12

/** What the replicas are set to: few connections can then make them hold as much as many do by default. */
export const environment = { HIGH_WATER_MARK: '8MiB' }

const DEFLATE = { 'Sec-WebSocket-Extensions': 'permessage-deflate' }

type Attack = {
  /** How many connections do it at once. */
  connections: number
  /** Whether it goes to a replica itself, since NGINX would keep it away, or be what is kept busy. */
  isDirect?: boolean
  query?: string
  headers?: Record<string, string>
  /** Whether it reads, and throws away, what comes. */
  reads?: boolean
  /** What it does once the handshake has been sent; in its place if `isPlain`. */
  act(socket: Socket): Promise<void>
  isPlain?: boolean
}

/** Bytes repeated to about as many as are sent at once. */
const many = (bytes: Buffer) => Buffer.concat(Array<Buffer>(Math.ceil(BATCH / bytes.length)).fill(bytes))

/** Sends something over and over, as fast as it is taken, but with a pause between two batches. */
async function pour(socket: Socket, batch: Buffer, pause = 50): Promise<void> {
  for (let sent = 0; sent < MOST && !socket.closed; sent += batch.length) {
    if (!socket.write(batch)) await new Promise(resolve => socket.once('drain', resolve).once('close', resolve))
    await delay(pause)
  }
}

const unfinished = deflate(Buffer.alloc(900_000))
const large = frame(binary, Buffer.alloc(60_000))
const tiny = frame(text, 'x')

const attacks: Record<string, Attack> = {
  'a compressed message that is never finished': {
    connections: 30,
    headers: DEFLATE,
    async act(socket) {
      socket.write(frame(binary, unfinished, { fin: false, rsv: 4 }))
      for (;;) {
        await delay(1000)
        socket.write(frame(opcodes.continuation, '', { fin: false }))
      }
    },
  },
  'replies that wait for 5 minutes': {
    connections: 40,
    isDirect: true,
    query: '?delay=5m',
    act: socket => pour(socket, large, 250),
  },
  'replies that leave at 1 byte a second': {
    connections: 40,
    isDirect: true,
    query: '?rate=1',
    reads: true,
    act: socket => pour(socket, large, 250),
  },
  'tiny replies that it never reads': {
    connections: 4,
    act: socket => pour(socket, many(tiny)),
  },
  'pongs that it never reads': {
    connections: 4,
    act: socket => pour(socket, many(frame(ping, Buffer.alloc(125)))),
  },
  'a thousand replies to each empty message': {
    connections: 1,
    query: '?repeat=1000',
    reads: true,
    act: socket => pour(socket, Buffer.concat([frame(text), frame(text)]), 100),
  },
  'messages before the handshake is answered': {
    connections: 50,
    isDirect: true,
    query: '?handshake-delay=5m',
    async act(socket) {
      for (let i = 0; i < 15; i++) {
        socket.write(Buffer.alloc(2 ** 16))
        await delay(50)
      }
    },
  },
  'plain requests in a pipeline, whose answers it never reads': {
    connections: 3,
    isDirect: true,
    isPlain: true,
    act: socket => pour(socket, many(Buffer.from('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n')), 500),
  },
  'a flood of empty messages': {
    connections: 1,
    reads: true,
    act: socket => pour(socket, many(frame(text)), 50),
  },
  'headers that never end': {
    connections: 50,
    isDirect: true,
    isPlain: true,
    async act(socket) {
      socket.write('GET / HTTP/1.1\r\nHost: localhost\r\n')
      for (let i = 0; ; i++) {
        await delay(500)
        socket.write(`X-${i}: ${'x'.repeat(100)}\r\n`)
      }
    },
  },
  'frames that come byte by byte': {
    connections: 10,
    reads: true,
    async act(socket) {
      for (const byte of frame(binary, Buffer.alloc(60_000))) {
        socket.write(Buffer.of(byte))
        await delay(5)
      }
    },
  },
  'a reset just while it closes': {
    connections: 5,
    query: '?drop=rst&after=20ms',
    reads: true,
    async act(socket) {
      socket.write(many(tiny))
      await delay(10 + Math.random() * 20)
      socket.write(frame(close, closePayload(1000)))
      await delay(1000)
      socket.destroy()
    },
  },
}

/** Does one attack once, until the connection has ended or its time is up. */
async function attack(base: string, { query = '', headers, reads, act, isPlain }: Attack): Promise<void> {
  const url = new URL(query, base)
  const socket = connectTcp({ host: url.hostname, port: Number(url.port), noDelay: true })
  const ended = new Promise(resolve => socket.once('close', resolve))
  socket.on('error', () => {})
  if (reads) socket.resume()
  else socket.pause()
  if (!isPlain) socket.write(`${handshake(url.href, headers)}\r\n`)
  const timer = setTimeout(() => socket.destroy(), LIFETIME)
  // What can't be sent any more is of no interest.
  const acting = act(socket).catch(() => {})
  await ended
  clearTimeout(timer)
  await Promise.race([acting, delay(0)])
}

type Orders = { url: string; replicas: string[] }

/** Lets one client of each kind attack all the while, in a thread of its own: they would slow down the good ones. */
export function startHostile(orders: Orders) {
  const worker = new Worker(new URL(import.meta.url), { workerData: { hostile: orders } })
  return {
    names: Object.keys(attacks),
    /** Tells where the replicas are now. */
    direct: (replicas: string[]) => worker.postMessage(replicas),
    stop: () => worker.terminate(),
  }
}

async function attackAll({ url, replicas: first }: Orders): Promise<void> {
  let replicas = first
  parentPort?.on('message', moved => {
    replicas = moved
  })
  const repeat = async (kind: Attack, index: number) => {
    // Not all at once, which no listening socket would take.
    await delay(STAGGER * index)
    for (let i = index; ; i++) {
      const replica = replicas[i % replicas.length]
      await attack(kind.isDirect && replica ? replica : url, kind)
      await delay(PAUSE)
    }
  }
  const all = Object.values(attacks).flatMap(kind =>
    Array.from({ length: kind.connections }, (_, i) => repeat(kind, i)),
  )
  await Promise.all(all)
}

if (!isMainThread && workerData?.hostile) await attackAll(workerData.hostile)
