import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { connect } from 'node:net'
import { setTimeout } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { freePort } from '../stack/stack.ts'
import { connectRaw, frame, opcodes } from '../suite/raw-client.ts'
import { quartiles } from './statistics.ts'

// Measures how long servers take from the start of their process to their first echo, and prints the sizes of the images.
// Usage: npm run bench:start [rounds]
const ROUNDS = Number(process.argv[2] ?? 21)
const root = fileURLToPath(new URL('../..', import.meta.url))
const run = promisify(execFile)
const docker = async (...args: string[]) => (await run('docker', args, { cwd: root })).stdout.trim()

const BARE =
  "require('net').createServer(socket => socket.pipe(socket).on('error', () => {})).listen(process.env.PORT, process.env.HOST)"

/** Resolves after the first echo of a server that may still be starting. */
async function firstEcho(port: number, isBare: boolean): Promise<void> {
  for (;;) {
    try {
      return await (isBare ? echoBytes(port) : echoMessage(port))
    } catch {
      // Nothing listens yet, or Docker's proxy has nothing to connect to.
      await setTimeout(1)
    }
  }
}

async function echoBytes(port: number): Promise<void> {
  const socket = connect(port, '127.0.0.1')
  const ended = once(socket, 'close').then(() => Promise.reject(new Error('closed')))
  await Promise.race([once(socket, 'connect'), ended])
  socket.write('hello')
  await Promise.race([once(socket, 'data'), ended])
  socket.destroy()
  await ended.catch(() => {})
}

async function echoMessage(port: number): Promise<void> {
  const client = await connectRaw(`ws://127.0.0.1:${port}/`)
  client.socket.write(frame(opcodes.text, 'hello'))
  await client.frame()
  client.socket.destroy()
}

/** Milliseconds that a process of this machine takes. */
async function timeProcess(args: string[], isBare: boolean): Promise<number> {
  const port = await freePort()
  const env = { PATH: process.env.PATH, HOST: '127.0.0.1', PORT: String(port), LOG_LEVEL: 'info' }
  const started = performance.now()
  const child = spawn(process.execPath, args, { env, stdio: 'ignore' })
  await firstEcho(port, isBare)
  const elapsed = performance.now() - started
  child.kill('SIGKILL')
  await once(child, 'exit')
  return elapsed
}

/** Milliseconds that `docker start` of a created container takes. */
async function timeContainer(image: string, command: string[], isBare: boolean): Promise<number> {
  const port = await freePort()
  const publish = `127.0.0.1:${port}:7777`
  const settings = ['-e', 'HOST=0.0.0.0', '-e', 'PORT=7777', '-e', 'LOG_LEVEL=info']
  const id = await docker('create', '--no-healthcheck', '-p', publish, ...settings, image, ...command)
  try {
    const started = performance.now()
    const starting = docker('start', id)
    await firstEcho(port, isBare)
    const elapsed = performance.now() - started
    await starting
    return elapsed
  } finally {
    await docker('rm', '-f', id)
  }
}

await run('docker', ['compose', 'build', '--quiet'], { cwd: root })
const { services } = JSON.parse(await docker('compose', 'config', '--format', 'json'))
const { client, server } = services
const subjects = {
  'bare Node.js': () => timeProcess(['-e', BARE], true),
  'our server': () => timeProcess(['server/dist/main.cjs'], false),
  'bare Node.js, container': () => timeContainer(server.image, ['node', '-e', BARE], true),
  'our server, container': () => timeContainer(server.image, [], false),
}
const names = Object.keys(subjects) as (keyof typeof subjects)[]
const times = names.map(() => [] as number[])
for (let round = 0; round < ROUNDS; round++) {
  for (const [i, name] of names.entries()) times[i]?.push(await subjects[name]())
}

console.log(`From start to first echo, in ms (medians and quartiles of ${ROUNDS} interleaved rounds)`)
for (const [i, name] of names.entries()) {
  const { q1, median, q3 } = quartiles(times[i] ?? [])
  console.log(`  ${name.padEnd(24)} ${median.toFixed(0).padStart(5)}  (${q1.toFixed(0)}–${q3.toFixed(0)})`)
}
console.log('Size of the images, in MB')
for (const [name, { image }] of Object.entries({ server, client })) {
  const bytes = Number(await docker('image', 'inspect', '-f', '{{.Size}}', image))
  console.log(`  ${name.padEnd(24)} ${(bytes / 1e6).toFixed(0).padStart(5)}`)
}
