import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, constants, mkdtempSync, openSync, readSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { platform, tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test, vi } from 'vitest'
import { connect } from '../suite/client.ts'

/** Runs the server with a pipe for its log, which is read no further than to the line that tells its address. */
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

/** Has so much logged that no pipe holds it. */
const talk = async (url: string) => {
  const { socket, next } = await connect(url)
  const text = 'x'.repeat(150)
  for (let i = 0; i < 5000; i++) {
    socket.send(text)
    expect(await next()).toBe(`[RE]: ${text}`)
  }
}

test.skipIf(platform() === 'win32').for(['that nobody reads', 'that closes'])(
  'a log pipe %s stops nobody’s echo, and doesn’t hold the end up',
  async how => {
    const { server, url, reading } = await startUnread()
    if (how === 'that closes') closeSync(reading)
    await talk(url)
    server.kill('SIGTERM')
    expect(await once(server, 'exit')).toEqual([0, null])
    if (how !== 'that closes') closeSync(reading)
  },
)
