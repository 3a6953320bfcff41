import { connect } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { deflate } from '../suite/deflate.ts'
import { connectRaw, frame, handshake, opcodes } from '../suite/raw-client.ts'
import { peers } from './peers.ts'
import { formatNumber, formatTable } from './table.ts'
import { residentMemory } from './usage.ts'

const MiB = 2 ** 20
const PEERS = 50

// Milliseconds that each attack goes on for, and that the server has to recover.
const DURATION = 3000
const REST = 3000

const { binary, continuation, ping } = opcodes

/** Goes on sending something until nothing more is taken, and reads nothing. */
async function pour(url: string, bytes: Buffer): Promise<void> {
  const { socket } = await connectRaw(url)
  socket.removeAllListeners('data')
  socket.pause()
  const end = performance.now() + DURATION
  while (performance.now() < end && !socket.closed) {
    if (socket.write(bytes)) await delay(0)
    else await Promise.race([new Promise(resolve => socket.once('drain', resolve)), delay(50)])
  }
  socket.destroy()
}

/** Sends something once, and then stays. */
async function stay(url: string, bytes: Buffer, headers?: Record<string, string>): Promise<void> {
  const { socket } = await connectRaw(url, headers)
  socket.write(bytes)
  await delay(DURATION)
  socket.destroy()
}

async function headers(url: string): Promise<void> {
  const { hostname, port } = new URL(url)
  const socket = connect(Number(port), hostname)
  socket.on('error', () => {})
  socket.write(handshake(url))
  for (let sent = 0; sent < DURATION; sent += 100) {
    if (!socket.closed) socket.write(`X-${sent}: ${'x'.repeat(1000)}\r\n`)
    await delay(100)
  }
  socket.destroy()
}

const fragments = Buffer.concat([
  frame(binary, 'x', { fin: false }),
  ...Array.from({ length: 10_000 }, () => frame(continuation, 'x', { fin: false })),
])
const bomb = frame(binary, deflate(Buffer.alloc(64 * MiB)), { rsv: 4 })
const DEFLATE = { 'Sec-WebSocket-Extensions': 'permessage-deflate' }

const attacks: Record<string, (url: string) => Promise<void>> = {
  'messages of 64 KiB, and reads nothing': url => pour(url, frame(binary, new Uint8Array(65_536))),
  'pings, and reads nothing': url => pour(url, Buffer.concat(Array(500).fill(frame(ping, new Uint8Array(125))))),
  'a message in 10,000 fragments of 1 byte, unfinished': url => stay(url, fragments),
  'a bomb: 64 MiB in 64 KiB': url => stay(url, bomb, DEFLATE),
  'headers without end': headers,
}

const rows: string[][] = []
for (const [name, attack] of Object.entries(attacks)) {
  console.error(`${PEERS} peers: ${name}`)
  await using server = await peers.ours.start()
  const memory = () => residentMemory(server.pids) ?? Number.NaN
  const settled = await connectRaw(server.url)
  settled.socket.destroy()
  await delay(500)
  const before = memory()
  let most = before
  const watch = setInterval(() => {
    most = Math.max(most, memory())
  }, 50)
  await Promise.all(Array.from({ length: PEERS }, () => attack(server.url)))
  clearInterval(watch)
  await delay(REST)
  rows.push([name, ...[before, most, memory()].map(bytes => formatNumber(bytes / MiB))])
}
console.log(`${PEERS} peers at once, resident MiB of the server:\n`)
console.log(formatTable(['each sends', 'before', 'most', 'after'], rows))
