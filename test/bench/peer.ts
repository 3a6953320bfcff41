import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { setTimeout } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { connectRaw, frame, opcodes } from '../suite/raw-client.ts'

/** The Node flags of every server here. */
export const NODE_FLAGS = ['--max-semi-space-size=1']

/** A running server. */
export type Peer = AsyncDisposable & {
  name: string
  /** `ws://`, or `tcp://` for a server that echoes plain bytes. */
  url: string
  /** The prefix of its replies to texts. */
  prefix: string
  /** Its processes; empty if they run on another machine. */
  pids: number[]
}

/** A server that can be started repeatedly. */
export type PeerSpec = { name: string; start(): Promise<Peer> }

export type Program = {
  /** Relative to this folder. */
  file: string
  path?: string
  prefix?: string
  env?: Record<string, string>
  /** Called with each line that the server prints. */
  onLine?: (line: string) => void
}

const running = new Set<ChildProcess>()
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL')
})

/** Specifies a server that runs in its own process and prints its address when it is ready. */
export function createProgram(name: string, { file, path = '/', prefix = '', env = {}, onLine }: Program): PeerSpec {
  const args = [...NODE_FLAGS, fileURLToPath(new URL(file, import.meta.url))]
  return {
    name,
    async start() {
      const child = spawn(process.execPath, args, {
        env: { PATH: process.env.PATH, HOST: '127.0.0.1', PORT: '0', LOG_LEVEL: 'info', ...env },
        stdio: ['ignore', 'pipe', 'inherit'],
      })
      running.add(child)
      const exit = once(child, 'exit').finally(() => running.delete(child))
      const stop = async () => {
        child.kill('SIGKILL')
        await exit
      }

      const ready = Promise.withResolvers<string>()
      const lines = createInterface({ input: child.stdout }).on('line', line => {
        onLine?.(line)
        const [, address] = /Ready on (\w+:\/\/[\w.]+:\d+)/.exec(line) ?? []
        if (address !== undefined) ready.resolve(address)
      })
      exit.then(() => ready.reject(new Error(`${name} ended before it was ready`)))
      const address = await ready.promise
      lines.removeAllListeners('line')
      // The output must be read to the end, because a full pipe would block the server.
      if (onLine) lines.on('line', onLine)
      else child.stdout.resume()
      return { name, url: address + path, prefix, pids: [child.pid ?? 0], [Symbol.asyncDispose]: stop }
    },
  }
}

/** Specifies a server that is already running. The prefix of its replies is taken from a first reply. */
export function createAddress(name: string, url: string, pids: number[] = []): PeerSpec {
  return {
    name,
    async start() {
      const text = 'What is your prefix?'
      const client = await connectRaw(url)
      client.socket.write(frame(opcodes.text, text))
      const reply = await Promise.race([client.frame(), setTimeout(5000, undefined, { ref: false })])
      client.socket.destroy()
      const echoed = reply?.payload.toString() ?? ''
      if (!echoed.endsWith(text))
        throw new Error(`${name} at ${url} is no echo server: it replied ${JSON.stringify(echoed)}`)
      return { name, url, prefix: echoed.slice(0, -text.length), pids, async [Symbol.asyncDispose]() {} }
    },
  }
}
