import { connect, type Socket } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import { handshake } from '../suite/raw-client.ts'
import { attacks, type Door, floods, type Part } from './hostile-attacks.ts'

// Runs as a process of its own and attacks until it is killed.

/** An attack, or a flood and its number of connections. */
export type Orders = { urls: Record<Door, string[]> } & ({ attack: string } | { flood: string; connections: number })

/** The progress of an attack, which begins when the first connections start to send. */
export type Progress = { hasBegun: boolean; opened: number; refused: number; bytes: number }

/** The number of connections that are opened at the same time. */
const OPENING = 200
/** Milliseconds for a handshake, and until a connection that has ended is reopened. */
const HANDSHAKE_TIMEOUT = 5000
const REOPEN = 1000
const REPORT = 100
/** Milliseconds in which connections are opened before any of them sends, because one that sends can delay the others. */
const OPENED_BY = 3000

const readBuffer = Buffer.allocUnsafe(2 ** 18)
const sockets = new Set<Socket>()
let [opened, refused, bytes] = [0, 0, 0]
let hasBegun = false

const sentBy = (socket: Socket) => socket.bytesWritten - socket.writableLength

/** Opens a connection. Resolves when data can be sent. */
function open(url: string, { headers, reads = false, early = false, target }: Part): Promise<Socket> {
  const { protocol, hostname, port } = new URL(url)
  const hasHandshake = protocol === 'ws:' && target !== undefined
  const { promise, resolve, reject } = Promise.withResolvers<Socket>()
  let isOpen = false
  let head = ''
  const done = () => {
    isOpen = true
    clearTimeout(late)
    resolve(socket)
  }
  const read = (length: number): boolean => {
    if (isOpen) return reads
    head += readBuffer.toString('latin1', 0, length)
    if (!head.includes('\r\n\r\n')) return true
    if (head.startsWith('HTTP/1.1 101')) done()
    else socket.destroy()
    return reads
  }
  const socket: Socket = connect({
    host: hostname,
    port: Number(port),
    noDelay: true,
    // Received data is not copied, and unread data stays in the kernel.
    onread: { buffer: readBuffer, callback: read },
  })
  const late = setTimeout(() => socket.destroy(), HANDSHAKE_TIMEOUT)
  sockets.add(socket)
  socket.on('error', () => {})
  socket.on('connect', () => {
    if (hasHandshake) socket.write(`${handshake(url, headers)}\r\n`)
    if (!hasHandshake || early) done()
  })
  socket.on('close', () => {
    clearTimeout(late)
    sockets.delete(socket)
    bytes += sentBy(socket)
    reject(new Error('refused'))
  })
  return promise
}

function* chunksOf({ first, times = () => 1, again, most = Number.POSITIVE_INFINITY }: Part, index: number) {
  if (first) for (let left = times(index); left > 0; left--) yield first
  if (again) for (let left = most; left > 0; left -= again.length) yield again
}

function send(socket: Socket, part: Part, index: number): void {
  const chunks = chunksOf(part, index)
  const next = () => {
    const { value } = chunks.next()
    if (value === undefined || socket.destroyed) return
    const isTaken = socket.write(value)
    if (part.every !== undefined) setTimeout(next, part.every)
    else if (isTaken) setImmediate(next)
    // In a later turn of the event loop, so that other connections can read and write in between.
    else socket.once('drain', () => setImmediate(next))
  }
  next()
}

let opening = 0
const queue: (() => void)[] = []

/** Runs `use`, but only in a limited number at the same time. */
async function limitOpening<T>(use: () => Promise<T>): Promise<T> {
  if (opening >= OPENING) await new Promise<void>(resolve => queue.push(resolve))
  opening++
  try {
    return await use()
  } finally {
    opening--
    queue.shift()?.()
  }
}

/**
 * Keeps one connection open and sends its data.
 * @param start resolves when connections may start to send
 */
async function keepOpen(url: string, part: Part, index: number, start: Promise<unknown>): Promise<void> {
  for (;;) {
    const socket = await limitOpening(() => open(url, part)).catch(() => refused++)
    if (typeof socket === 'object') {
      opened++
      await start
      send(socket, part, index)
      await new Promise(resolve => (socket.destroyed ? resolve(undefined) : socket.once('close', resolve)))
    }
    await pause(REOPEN)
  }
}

async function allOpened(count: number): Promise<void> {
  while (opened < count) await pause(10)
}

function partsOf(orders: Orders): Part[] {
  if ('attack' in orders) return attacks[orders.attack]?.parts ?? []
  const flood = floods[orders.flood]
  return flood ? [{ ...flood, connections: orders.connections }] : []
}

async function begin(part: Part, urls: string[]): Promise<void> {
  const { connections, target = '/' } = part
  const all = opened + connections
  const areOpen = Promise.race([allOpened(all), pause(OPENED_BY)])
  for (let index = 0; index < connections; index++) {
    const url = new URL(target, urls[index % urls.length]).href
    keepOpen(url, part, index, areOpen)
  }
  await areOpen
  hasBegun = true
}

process.on('message', async (orders: Orders) => {
  setInterval(() => {
    const sent = [...sockets].reduce((sum, socket) => sum + sentBy(socket), bytes)
    process.send?.({ hasBegun, opened, refused, bytes: sent } satisfies Progress)
  }, REPORT)
  for (const part of partsOf(orders)) await begin(part, orders.urls[part.door ?? 'ws'])
})
process.on('disconnect', () => process.exit())
