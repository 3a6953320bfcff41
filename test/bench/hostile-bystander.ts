import { connect } from 'node:net'
import { setPriority } from 'node:os'
import { setTimeout as pause } from 'node:timers/promises'
import { frame, handshake, opcodes, parseFrame } from '../suite/raw-client.ts'

// Run as a process of its own: one well-behaved connection sends a small message at regular intervals.

/** `ws://`, or `tcp://` for a server that sends back bare bytes. Milliseconds from one message to the next. */
export type Orders = { url: string; interval: number } | 'report'

/** When a message was sent, in milliseconds of `now()`, and what its echo took, if it has come. */
export type Sample = { at: number; took?: number }

const RECONNECT = 100

/** Milliseconds of a clock that all processes of a machine share. */
const now = () => Number(process.hrtime.bigint()) / 1e6

const message = frame(opcodes.binary, 'sixteen bytes...')
const samples: Sample[] = []
/** Messages on this connection without an echo so far. */
let waiting: Sample[] = []
/** Messages that were lost with their connection, or couldn't be sent; they count as echoed when the next echo comes. */
let lost: Sample[] = []
let send: ((bytes: Buffer) => void) | undefined

function echoed(): void {
  const at = now()
  const first = waiting.shift()
  for (const sample of first ? [...lost, first] : lost) sample.took = at - sample.at
  lost = []
}

/** Resolves when the connection has ended. */
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
    // Waiting for a core would look like a slow echo.
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
