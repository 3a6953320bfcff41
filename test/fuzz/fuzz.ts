import { connect as connectTcp } from 'node:net'
import { parseArgs } from 'node:util'
import { createProgram } from '../bench/peer.ts'
import { residentMemory } from '../bench/usage.ts'
import { connect } from '../suite/client.ts'
import { handshake } from '../suite/raw-client.ts'
import { bytesOf } from './model.ts'
import { createRandom } from './random.ts'
import { verify } from './verify.ts'

const help = `Usage: npm run fuzz -- [options]

Sends frames at random, well formed and not, and compares every byte that comes back with what RFC 6455 has; and
streams with bytes changed, which must harm nobody. Another connection echoes all the while.

  --frames 1000000   how many
  --seed 1           which ones
  --help             shows this`

const MAX_PAYLOAD = 65_536
const AT_ONCE = 20

// Milliseconds until a stream counts as hung.
const PATIENCE = 20_000

const { values } = parseArgs({
  options: {
    frames: { type: 'string', default: '1000000' },
    seed: { type: 'string', default: '1' },
    help: { type: 'boolean', default: false },
  },
})
const wanted = Number(values.frames)
const seed = Number(values.seed)

/** Sends a connection's bytes after some of them were changed, and resolves when the connection has ended. */
async function harass(url: string, bytes: Buffer): Promise<void> {
  const socket = connectTcp(Number(new URL(url).port), new URL(url).hostname)
  socket.on('error', () => {})
  socket.resume()
  socket.end(bytes)
  await new Promise(resolve => socket.once('close', resolve))
}

async function inTime(what: Promise<void>): Promise<void> {
  const { promise: late, reject } = Promise.withResolvers<never>()
  const timer = setTimeout(() => reject(new Error(`no end in ${PATIENCE / 1000} s`)), PATIENCE)
  await Promise.race([what, late]).finally(() => clearTimeout(timer))
}

async function fuzz(): Promise<void> {
  const spec = createProgram('ours', {
    file: '../../server/main.ts',
    env: { MAX_PAYLOAD: String(MAX_PAYLOAD), REPLY_PREFIX: '' },
  })
  await using server = await spec.start()
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

  const started = performance.now()
  let [frames, streams, mutated] = [0, 0, 0]
  let warm = 0
  const work = async () => {
    while (frames < wanted) {
      const random = createRandom(seed + streams++, MAX_PAYLOAD)
      const sent = random.frames()
      frames += sent.length
      try {
        await inTime(verify(server.url, sent, MAX_PAYLOAD, random.cut))
        if (random.oneIn(4)) {
          mutated++
          const start = Buffer.from(`${handshake(server.url)}\r\n`)
          const rest = random.mutate(Buffer.concat(sent.map(bytesOf)))
          await inTime(harass(server.url, Buffer.concat([random.oneIn(5) ? random.mutate(start) : start, rest])))
        }
      } catch (error) {
        throw new Error(`stream ${streams - 1} of seed ${seed}: ${(error as Error).message}`)
      }
      if (warm === 0 && frames > wanted / 4) warm = memory()
    }
  }
  const standing = standBy()
  await Promise.race([standing, Promise.all(Array.from({ length: AT_ONCE }, work))])
  isDone = true
  await standing

  const seconds = Math.round((performance.now() - started) / 1000)
  console.log(
    `${frames} frames in ${streams} streams, ${mutated} more with bytes changed, in ${seconds} s, seed ${seed}`,
  )
  console.log(`${echoes} echoes beside them, all right; memory ${warm} MiB after a quarter, ${memory()} MiB at the end`)
  if (memory() > 2 * warm + 50) throw new Error('memory has grown')
}

if (values.help) {
  console.log(help)
} else if (!(wanted > 0 && Number.isInteger(seed))) {
  console.error('--frames: expected a positive number, --seed: expected an integer')
  process.exitCode = 1
} else {
  try {
    await fuzz()
    process.exit(0)
  } catch (error) {
    console.error((error as Error).message)
    process.exit(1)
  }
}
