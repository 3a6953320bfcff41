import { connect as connectTcp } from 'node:net'
import { parseArgs } from 'node:util'
import { createProgram } from '../bench/peer.ts'
import { residentMemory } from '../bench/usage.ts'
import { connect } from '../suite/client.ts'
import { handshake } from '../suite/raw-client.ts'
import { fuzzFaults } from './faults.ts'
import { bytesOf, type Expected, type SentFrame } from './model.ts'
import { createRandom } from './random.ts'
import { type Cuts, createLogReader, verify, verifyJournal, verifyLog } from './verify.ts'

const help = `Usage: npm run fuzz -- [options]

Sends frames at random, well formed and not, and compares every byte that comes back with what RFC 6455 has, and the log
with what happened. Every tenth stream is also sent to a server without the fast path, and to one with a journal, whose
journal and metrics are compared, too. Streams with bytes changed must harm nobody. Another connection echoes all the
while.

Then it opens connections that ask for faults, several at once and each at its bounds, sends frames in pieces with pauses
between them, and meanwhile closes and drops connections, pushes messages and changes the default faults at the control
port. Replies, log, journal, counters and metrics must agree with each other and with a model. A bystander sends an echo
every 10 ms; one that takes more than a second, waits for a processor aside, is a failure.

A failure is printed with its seed, its stream and its query. A longer run: npm run fuzz -- --frames 1 --faults 50000

  --frames 1000000   how many frames
  --faults 2000      how many connections that ask for faults; 0 for none
  --seed 1           which ones
  --stream 17        only this connection that asks for faults, and none of the frames
  --help             shows this`

const MAX_PAYLOAD = 65_536
const AT_ONCE = 20

// Milliseconds until a stream counts as hung.
const PATIENCE = 20_000

const { values } = parseArgs({
  options: {
    frames: { type: 'string', default: '1000000' },
    faults: { type: 'string', default: '2000' },
    seed: { type: 'string', default: '1' },
    stream: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
})
const wanted = Number(values.frames)
const seed = Number(values.seed)
const streams = Number(values.faults)
const only = values.stream === undefined ? undefined : Number(values.stream)

/** Sends a connection's bytes after some of them were changed, and resolves when the connection has ended. */
async function harass(url: string, bytes: Buffer): Promise<void> {
  const socket = connectTcp(Number(new URL(url).port), new URL(url).hostname)
  socket.on('error', () => {})
  socket.resume()
  socket.end(bytes)
  await new Promise(resolve => socket.once('close', resolve))
}

async function inTime<T>(what: Promise<T>): Promise<T> {
  const { promise: late, reject } = Promise.withResolvers<never>()
  const timer = setTimeout(() => reject(new Error(`no end in ${PATIENCE / 1000} s`)), PATIENCE)
  return Promise.race([what, late]).finally(() => clearTimeout(timer))
}

/** A server whose log is read, and its control port where it has one. */
async function start(name: string, env: Record<string, string>) {
  const log = createLogReader()
  let control = ''
  const onLine = (line: string) => {
    const parsed = JSON.parse(line)
    control = /Control on (\S+)/.exec(parsed.msg)?.[1] ?? control
    log.add(parsed)
  }
  const { url, pids, ...peer } = await createProgram(name, {
    file: '../../server/main.ts',
    env: { MAX_PAYLOAD: String(MAX_PAYLOAD), REPLY_PREFIX: '', LOG_FORMAT: 'json', ...env },
    onLine,
  }).start()
  return { ...peer, url, log, pids, control: () => control }
}

type Started = Awaited<ReturnType<typeof start>>

/** Sends a stream of frames, and compares what comes back, and what the log and the journal have, with the model. */
async function check({ url, log, control }: Started, path: string, frames: SentFrame[], cut: Cuts): Promise<Expected> {
  const told = log.of(path)
  const expected = await verify(url + path.slice(1), frames, MAX_PAYLOAD, cut)
  const lines = await told
  verifyLog(lines, expected)
  if (control()) {
    const answer = await fetch(`${control()}/messages?connection=${lines[0]?.connection}`)
    verifyJournal(((await answer.json()) as { messages: Record<string, unknown>[] }).messages, expected)
  }
  return expected
}

async function verifyMetrics(control: string, expected: Record<string, number>): Promise<void> {
  const metrics = await (await fetch(`${control}/metrics`)).text()
  for (const [series, count] of Object.entries(expected)) {
    if (!metrics.includes(`\nwebsocket_messages_total{${series}} ${count}\n`)) {
      throw new Error(
        `metrics: expected ${series} ${count}\n${metrics.match(/websocket_messages_total.*/g)?.join('\n')}`,
      )
    }
  }
}

async function fuzz(): Promise<void> {
  await using server = await start('fast', {})
  await using slow = await start('without the fast path', { FAST_PATH: '0' })
  await using journal = await start('with a journal', { CONTROL_PORT: '0', JOURNAL_SIZE: '64MiB' })
  const bystander = await connect(server.url)
  let echoes = 0
  let isDone = false
  const standBy = async () => {
    while (!isDone) {
      bystander.socket.send(`still here ${++echoes}`)
      const answer = await bystander.next()
      if (answer !== `still here ${echoes}`) throw new Error(`the bystander got ${answer}`)
    }
  }
  const memory = () => Math.round((residentMemory(server.pids) ?? 0) / 2 ** 20)
  const counts = { text: 0, binary: 0, pong: 0 }

  const started = performance.now()
  let [frames, streams, mutated] = [0, 0, 0]
  let warm = 0
  const work = async () => {
    while (frames < wanted) {
      const stream = streams++
      const random = createRandom(seed + stream, MAX_PAYLOAD)
      const sent = random.frames()
      frames += sent.length
      try {
        await inTime(check(server, `/${stream}`, sent, random.cut))
        if (stream % 10 === 0) {
          await inTime(check(slow, `/${stream}`, sent, random.cut))
          const { replies } = await inTime(check(journal, `/${stream}`, sent, random.cut))
          for (const { opcode } of replies) counts[opcode === 1 ? 'text' : opcode === 2 ? 'binary' : 'pong']++
        }
        if (random.oneIn(4)) {
          mutated++
          const start = Buffer.from(`${handshake(server.url)}\r\n`)
          const rest = random.mutate(Buffer.concat(sent.map(bytesOf)))
          await inTime(harass(server.url, Buffer.concat([random.oneIn(5) ? random.mutate(start) : start, rest])))
        }
      } catch (error) {
        throw new Error(`stream ${stream} of seed ${seed}: ${(error as Error).message}`)
      }
      if (warm === 0 && frames > wanted / 4) warm = memory()
    }
  }
  const standing = standBy()
  await Promise.race([standing, Promise.all(Array.from({ length: AT_ONCE }, work))])
  isDone = true
  await standing
  await verifyMetrics(journal.control(), {
    'direction="received",opcode="text"': counts.text,
    'direction="received",opcode="binary"': counts.binary,
    'direction="received",opcode="ping"': counts.pong,
    'direction="sent",opcode="text"': counts.text,
    'direction="sent",opcode="binary"': counts.binary,
    'direction="sent",opcode="pong"': counts.pong,
  })

  const seconds = Math.round((performance.now() - started) / 1000)
  console.log(
    `${frames} frames in ${streams} streams, ${mutated} more with bytes changed, in ${seconds} s, seed ${seed}`,
  )
  console.log(`${echoes} echoes beside them, all right; memory ${warm} MiB after a quarter, ${memory()} MiB at the end`)
  if (memory() > 2 * warm + 50) throw new Error('memory has grown')
}

if (values.help) {
  console.log(help)
} else if (!(wanted > 0 && Number.isInteger(seed) && streams >= 0 && (only === undefined || only >= 0))) {
  console.error(
    '--frames: expected a positive number, --seed: an integer, --faults and --stream: a number that is not negative',
  )
  process.exitCode = 1
} else {
  try {
    if (only === undefined) await fuzz()
    if (only !== undefined || streams > 0) console.log((await fuzzFaults({ seed, streams, only })).join('\n'))
    process.exit(0)
  } catch (error) {
    console.error((error as Error).message)
    process.exit(1)
  }
}
