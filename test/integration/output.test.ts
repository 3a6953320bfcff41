import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, constants, mkdtempSync, openSync, readFileSync, readSync, writeSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { platform, tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test, vi } from 'vitest'
import { connect } from '../suite/client.ts'

/** Runs the server with a pipe for its log. Reads the log only up to the line with the address. */
async function startUnread() {
  const folder = mkdtempSync(join(tmpdir(), 'websocket-echo-'))
  const fifo = join(folder, 'log')
  execFileSync('mkfifo', [fifo])
  const reading = openSync(fifo, constants.O_RDONLY | constants.O_NONBLOCK)
  const writing = openSync(fifo, constants.O_WRONLY)
  const server = spawn('node', ['server/main.ts'], {
    env: { ...process.env, PORT: '0', LOG_LEVEL: 'debug' },
    stdio: ['ignore', writing, 'inherit'],
  })
  closeSync(writing)
  onTestFinished(async () => {
    server.kill('SIGKILL')
    await rm(folder, { recursive: true })
  })
  const url = await vi.waitFor(() => {
    const chunk = Buffer.alloc(1000)
    const [, address] = /Ready on (\S+)/.exec(chunk.toString('utf8', 0, readSync(reading, chunk))) ?? []
    if (address === undefined) throw new Error('not ready yet')
    return address
  }, 10_000)
  return { server, url, reading }
}

/** Makes the server log more than any pipe holds. */
const talk = async (url: string) => {
  const { socket, next } = await connect(url)
  const text = 'x'.repeat(150)
  for (let i = 0; i < 5000; i++) {
    socket.send(text)
    expect(await next()).toBe(`[RE]: ${text}`)
  }
}

test.skipIf(platform() === 'win32').for(['that nobody reads', 'that closes'])(
  'a log pipe %s neither stops an echo nor delays the end',
  async how => {
    const { server, url, reading } = await startUnread()
    if (how === 'that closes') closeSync(reading)
    await talk(url)
    server.kill('SIGTERM')
    expect(await once(server, 'exit')).toEqual([0, null])
    if (how !== 'that closes') closeSync(reading)
  },
)

test.skipIf(platform() === 'win32')(
  'lines that nobody reads in time are dropped, and the log says how many',
  async () => {
    const { server, url, reading } = await startUnread()
    for (let i = 0; i < 4; i++) await talk(url)
    let log = ''
    const read = setInterval(() => {
      const chunk = Buffer.alloc(65_536)
      try {
        for (let size = 1; size > 0; log += chunk.toString('utf8', 0, size)) size = readSync(reading, chunk)
      } catch {}
    }, 1)
    onTestFinished(() => clearInterval(read))
    const client = await connect(url)
    await vi.waitFor(
      () => {
        client.socket.send('again')
        expect(log).toMatch(/WARN {2}Dropped log lines because nobody read them in time lines=\d+\n/)
      },
      { timeout: 10_000, interval: 100 },
    )
    const dropped = Number(/lines=(\d+)/.exec(log)?.[1])
    const kept = log.match(/(Message received|Just replied)/g)?.length ?? 0
    expect(dropped).toBeGreaterThan(1000)
    expect(kept + dropped).toBeGreaterThanOrEqual(40_000)
    server.kill('SIGTERM')
    await once(server, 'exit')
  },
)

test('a log file that others also write to keeps their lines', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'websocket-echo-'))
  onTestFinished(() => rm(folder, { recursive: true }))
  const file = join(folder, 'log')
  const shared = openSync(file, 'w')
  writeSync(shared, 'somebody was here before\n')
  const server = spawn('node', ['server/main.ts'], {
    env: { ...process.env, PORT: '0' },
    stdio: ['ignore', shared, 'inherit'],
  })
  onTestFinished(() => void server.kill('SIGKILL'))
  await expect.poll(() => readFileSync(file, 'utf8')).toContain('Ready on')
  writeSync(shared, 'and here after\n')
  server.kill('SIGTERM')
  await once(server, 'exit')
  closeSync(shared)
  expect(readFileSync(file, 'utf8')).toMatch(
    /^somebody was here before\n.*Ready on .*\nand here after\n.*Closing on SIGTERM\n$/s,
  )
})
