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

Part 1 sends random frames, valid and invalid, compares every byte of the response with a model of RFC 6455, and compares
the log with the model too. It sends every tenth stream also to a server without the fast path, to one with a journal,
whose journal and metrics it checks, and through a relay. Streams with altered bytes must not affect other clients.
Meanwhile another connection sends messages and checks their echoes.

Part 2 makes handshakes with faults, of both directions, several at once, with values at the limits. Some of them are
refused, and some use up a list of default faults, or the number of times for which a fault applies. It sends frames in
pieces with pauses and uses the control port to close and drop connections, push messages and change the default faults. Answers, replies, log,
journal, counters and metrics must agree with each other and with a model. A bystander sends a message every 10 ms; an
echo that takes more than a second, not counting waits for a processor, is a failure.

A failure is printed with its seed, stream and query. For a longer run: npm run fuzz -- --frames 1 --faults 50000

  --frames 1000000   number of frames in part 1
  --faults 2000      number of connections in part 2; 0 skips part 2
  --seed 1           seed of all random choices
  --stream 17        open only this connection of part 2, and skip part 1
  --help             show this help`

const MAX_PAYLOAD = 65_536
const AT_ONCE = 20

// Milliseconds after which a stream counts as hung.
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

/** Sends altered bytes, and resolves when the connection has ended. */
async function sendAltered(url: string, bytes: Buffer): Promise<void> {
  const socket = connectTcp(Number(new URL(url).port), new URL(url).hostname)
  socket.on('error', () => {})
  socket.resume()
  socket.end(bytes)
  await new Promise(resolve => socket.once('close', resolve))
}

async function inTime<T>(what: Promise<T>): Promise<T> {
  const { promise: late, reject } = Promise.withResolvers<never>()
  const timer = setTimeout(() => reject(new Error(`not finished within ${PATIENCE / 1000} s`)), PATIENCE)
  return Promise.race([what, late]).finally(() => clearTimeout(timer))
}

/** Starts a server, reads its log, and finds its control port if it has one. */
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

/** Sends a stream of frames, and compares the response, the log and the journal with the model. */
async function check(
  { url, log, control }: Started,
  path: string,
  frames: SentFrame[],
  cut: Cuts,
  isRelayed = false,
): Promise<Expected> {
  const logged = log.of(path)
  const expected = await verify(url + path.slice(1), frames, MAX_PAYLOAD, cut, isRelayed)
  const lines = await logged
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
  await using relay = await start('through a relay', { UPSTREAM: server.url })
  await using journal = await start('with a journal', { CONTROL_PORT: '0', JOURNAL_SIZE: '64MiB' })
  const bystander = await connect(server.url)
  let echoes = 0
  let isDone = false
  const echoUntilDone = async () => {
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
          await inTime(check(relay, `/${stream}`, sent, random.cut, true))
          const { replies } = await inTime(check(journal, `/${stream}`, sent, random.cut))
          for (const { opcode } of replies) counts[opcode === 1 ? 'text' : opcode === 2 ? 'binary' : 'pong']++
        }
        if (random.oneIn(4)) {
          mutated++
          const start = Buffer.from(`${handshake(server.url)}\r\n`)
          const rest = random.mutate(Buffer.concat(sent.map(bytesOf)))
          await inTime(sendAltered(server.url, Buffer.concat([random.oneIn(5) ? random.mutate(start) : start, rest])))
        }
      } catch (error) {
        throw new Error(`stream ${stream} of seed ${seed}: ${(error as Error).message}`)
      }
      if (warm === 0 && frames > wanted / 4) warm = memory()
    }
  }
  const echoing = echoUntilDone()
  await Promise.race([echoing, Promise.all(Array.from({ length: AT_ONCE }, work))])
  isDone = true
  await echoing
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
    `${frames} frames in ${streams} streams, and ${mutated} streams with altered bytes, in ${seconds} s, seed ${seed}`,
  )
  console.log(
    `${echoes} correct echoes of the bystander; memory ${warm} MiB after a quarter, ${memory()} MiB at the end`,
  )
  if (memory() > 2 * warm + 50) throw new Error('memory has grown')
}

if (values.help) {
  console.log(help)
} else if (!(wanted > 0 && Number.isInteger(seed) && streams >= 0 && (only === undefined || only >= 0))) {
  console.error('--frames must be a positive number, --seed an integer, and --faults and --stream a number from 0')
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
