import { connect as connectTcp, type Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'
import { deflate } from '../suite/deflate.ts'
import { closePayload, frame, handshake, opcodes } from '../suite/raw-client.ts'

const { text, binary, close, ping } = opcodes

// Milliseconds: the longest duration of an attack, the pause before it is repeated, and the time between two connections.
const LIFETIME = 120_000
const PAUSE = 500
const STAGGER = 50

// Bytes that one connection sends in total and at once. They are limited so that the load is on the server rather than on
// the network or the whole machine.
const MAX_BYTES = 10 * 2 ** 20
const BATCH = 2 ** 12

/** Settings of the replicas, with which a few connections can use as much memory as many can by default. */
export const environment = { HIGH_WATER_MARK: '8MiB' }

const DEFLATE = { 'Sec-WebSocket-Extensions': 'permessage-deflate' }

type Attack = {
  /** The number of connections that attack at the same time. */
  connections: number
  /** Whether it connects directly to a replica, because NGINX would block the attack or become its target. */
  isDirect?: boolean
  query?: string
  headers?: Record<string, string>
  /** Whether it reads and discards replies. */
  reads?: boolean
  /** The attack, after the handshake has been sent, or instead of it if `isPlain`. */
  act(socket: Socket): Promise<void>
  isPlain?: boolean
}

/** Repeats bytes to about the size of a batch. */
const many = (bytes: Buffer) => Buffer.concat(Array<Buffer>(Math.ceil(BATCH / bytes.length)).fill(bytes))

/** Sends a batch repeatedly, as fast as the connection accepts it, with a pause in milliseconds in between. */
async function flood(socket: Socket, batch: Buffer, pause = 50): Promise<void> {
  for (let sent = 0; sent < MAX_BYTES && !socket.closed; sent += batch.length) {
    if (!socket.write(batch)) await new Promise(resolve => socket.once('drain', resolve).once('close', resolve))
    await delay(pause)
  }
}

const unfinished = deflate(Buffer.alloc(900_000))
const large = frame(binary, Buffer.alloc(60_000))
const tiny = frame(text, 'x')

const attacks: Record<string, Attack> = {
  'an unfinished compressed message': {
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
  'replies delayed by 5 minutes': {
    connections: 40,
    isDirect: true,
    query: '?delay=5m',
    act: socket => flood(socket, large, 250),
  },
  'replies sent at 1 byte per second': {
    connections: 40,
    isDirect: true,
    query: '?rate=1',
    reads: true,
    act: socket => flood(socket, large, 250),
  },
  'unread tiny replies': {
    connections: 4,
    act: socket => flood(socket, many(tiny)),
  },
  'unread pongs': {
    connections: 4,
    act: socket => flood(socket, many(frame(ping, Buffer.alloc(125)))),
  },
  'a thousand replies to each empty message': {
    connections: 1,
    query: '?repeat=1000',
    reads: true,
    act: socket => flood(socket, Buffer.concat([frame(text), frame(text)]), 100),
  },
  'data before the handshake is answered': {
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
  'pipelined plain requests with unread responses': {
    connections: 3,
    isDirect: true,
    isPlain: true,
    act: socket => flood(socket, many(Buffer.from('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n')), 500),
  },
  'a flood of empty messages': {
    connections: 1,
    reads: true,
    act: socket => flood(socket, many(frame(text)), 50),
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
  'frames sent byte by byte': {
    connections: 10,
    reads: true,
    async act(socket) {
      for (const byte of frame(binary, Buffer.alloc(60_000))) {
        socket.write(Buffer.of(byte))
        await delay(5)
      }
    },
  },
  'a reset during the close handshake': {
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

/** Runs one attack once, until the connection has ended or its time is up. */
async function attack(base: string, { query = '', headers, reads, act, isPlain }: Attack): Promise<void> {
  const url = new URL(query, base)
  const socket = connectTcp({ host: url.hostname, port: Number(url.port), noDelay: true })
  const ended = new Promise(resolve => socket.once('close', resolve))
  socket.on('error', () => {})
  if (reads) socket.resume()
  else socket.pause()
  if (!isPlain) socket.write(`${handshake(url.href, headers)}\r\n`)
  const timer = setTimeout(() => socket.destroy(), LIFETIME)
  // Errors of a closed connection do not matter.
  const acting = act(socket).catch(() => {})
  await ended
  clearTimeout(timer)
  await Promise.race([acting, delay(0)])
}

type Orders = { url: string; replicas: string[] }

/** Runs all attacks repeatedly, in a thread of their own, so that they do not slow down the other clients. */
export function startHostile(orders: Orders) {
  const worker = new Worker(new URL(import.meta.url), { workerData: { hostile: orders } })
  return {
    names: Object.keys(attacks),
    /** Updates the addresses of the replicas. */
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
    // Staggered, because a listening socket accepts only a limited number of connections at once.
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
