import { connect } from 'node:net'
import { setPriority } from 'node:os'
import { setTimeout as pause } from 'node:timers/promises'
import { frame, handshake, opcodes, parseFrame } from '../suite/raw-client.ts'

// Runs as a process of its own: one well-behaved connection sends a small message at regular intervals.

/** The address (`ws://`, or `tcp://` for an echo of plain bytes), and the milliseconds between two messages. */
export type Orders = { url: string; interval: number } | 'report'

/** The time of a message, in milliseconds of `now()`, and the milliseconds until its echo, if that has arrived. */
export type Sample = { at: number; took?: number }

const RECONNECT = 100

/** Returns the milliseconds of a clock that all processes of this machine share. */
const now = () => Number(process.hrtime.bigint()) / 1e6

const message = frame(opcodes.binary, 'sixteen bytes...')
const samples: Sample[] = []
/** The unanswered messages on this connection. */
let waiting: Sample[] = []
/** Messages that were lost with their connection or never sent. They count as echoed when the next echo arrives. */
let lost: Sample[] = []
let send: ((bytes: Buffer) => void) | undefined

function echoed(): void {
  const at = now()
  const first = waiting.shift()
  for (const sample of first ? [...lost, first] : lost) sample.took = at - sample.at
  lost = []
}

/** Connects, and resolves when the connection has ended. */
function session(url: string): Promise<unknown> {
  const { protocol, hostname, port } = new URL(url)
  const socket = connect({ host: hostname, port: Number(port), noDelay: true })
  socket.on('error', () => {})
  let bytes = Buffer.alloc(0)
  let isOpen = protocol === 'tcp:'
  const begin = () => {
    isOpen = true
    send = bytes => socket.write(bytes)
  }
  const takeFrame = (): boolean => {
    const parsed = parseFrame(bytes)
    if (!parsed) return false
    bytes = bytes.subarray(parsed.length)
    if (parsed.frame.opcode === opcodes.binary) echoed()
    if (parsed.frame.opcode === opcodes.ping) socket.write(frame(opcodes.pong, parsed.frame.payload))
    return true
  }
  const takeBytes = (): boolean => {
    if (bytes.length < message.length) return false
    bytes = bytes.subarray(message.length)
    echoed()
    return true
  }
  socket.on('connect', () => {
    if (isOpen) begin()
    else socket.write(`${handshake(url)}\r\n`)
  })
  socket.on('data', chunk => {
    bytes = Buffer.concat([bytes, chunk])
    if (!isOpen) {
      const end = bytes.indexOf('\r\n\r\n')
      if (end < 0) return
      if (!bytes.toString('latin1', 0, end).startsWith('HTTP/1.1 101')) return void socket.destroy()
      bytes = bytes.subarray(end + 4)
      begin()
    }
    while (protocol === 'tcp:' ? takeBytes() : takeFrame());
  })
  return new Promise(resolve => socket.on('close', resolve))
}

async function stay(url: string): Promise<void> {
  for (;;) {
    await session(url)
    send = undefined
    lost.push(...waiting)
    waiting = []
    await pause(RECONNECT)
  }
}

process.on('message', (orders: Orders) => {
  if (orders === 'report') return void process.send?.(samples)
  try {
    // High priority, because waiting for a core would look like a slow echo.
    setPriority(-15)
  } catch {}
  stay(orders.url)
  setInterval(() => {
    const sample: Sample = { at: now() }
    samples.push(sample)
    if (send) waiting.push(sample)
    else lost.push(sample)
    send?.(message)
  }, orders.interval)
})
process.on('disconnect', () => process.exit())
