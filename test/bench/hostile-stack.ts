import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import type { Door } from './hostile-attacks.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const FILES = ['-f', 'docker-compose.yml', '-f', 'test/bench/hostile.yml']
const WATCH_INTERVAL = 100

/** The number and causes of ends of the server's process since its container was created. */
export type Deaths = { count: number; isOutOfMemory: boolean; exitCodes: string[] }

/** A new server of the composed stack, behind a new NGINX. */
export type Replica = Disposable & {
  /** The published addresses of each port. */
  urls: Record<Door, string[]>
  /** An address of NGINX that only the bystander uses. */
  bystander: string
  /** The peak memory of its container so far in bytes. A restart does not reset it. */
  peak(): number
  deaths(): Promise<Deaths>
}

/** The composed stack in a project of its own, with its own ports. */
export type Stack = AsyncDisposable & {
  /** Replaces all containers, so that one attack does not affect the next. */
  renew(env?: Record<string, string>): Promise<Replica>
}

type Inspected = {
  Id: string
  State: { Pid: number }
  NetworkSettings: { Ports: Record<string, { HostIp: string; HostPort: string }[] | null> }
}

/** Builds and starts the stack as `docker compose up --build` does. */
export async function startStack(): Promise<Stack> {
  const project = `hostile-${process.pid}`
  const base = { ...process.env, HTTP_PORT: '0', WS_PORT: '0', LOG_LEVEL: 'debug' }
  const docker = async (args: string[], env = {}) => {
    const options = {
      cwd: ROOT,
      env: { IMAGE_REPOSITORY: 'hostile', IMAGE_TAG: 'hostile', ...base, ...env },
      maxBuffer: 2 ** 26,
    }
    return (await promisify(execFile)('docker', args, options)).stdout.trim()
  }
  let last: Promise<unknown> = Promise.resolve()
  const compose = (args: string[], env = {}) => {
    const running = docker(['compose', '-p', project, ...FILES, ...args], env)
    last = running
    return running
  }
  const inspect = async (service: string): Promise<Inspected> => {
    const id = await compose(['ps', '--all', '--quiet', service])
    return JSON.parse(await docker(['inspect', id]))[0]
  }
  const portsOf = ({ NetworkSettings }: Inspected, port: number) =>
    (NetworkSettings.Ports[`${port}/tcp`] ?? []).map(({ HostPort }) => `ws://127.0.0.1:${HostPort}/`)
  const down = async () => {
    // Otherwise a container that is still starting would be left behind.
    await last.catch(() => {})
    await compose(['down', '--volumes', '--timeout', '0'])
  }

  try {
    await compose(['up', '--build', '--detach', '--wait'])
    return {
      async renew(env) {
        // A timeout of 0, because the server may no longer react to signals.
        await compose(['up', '--detach', '--wait', '--force-recreate', '--no-build', '--timeout', '0'], env)
        const [client, server] = [await inspect('client'), await inspect('server')]
        const [bystander = '', ...ws] = portsOf(client, 7777)
        const memory = watchMemory(server)
        const since = Date.now() / 1000
        return {
          urls: { ws, page: portsOf(client, 80), server: portsOf(server, 7777) },
          bystander,
          peak: memory.peak,
          async deaths() {
            const kinds = ['--filter', 'event=die', '--filter', 'event=oom']
            const times = ['--since', since.toFixed(3), '--until', (Date.now() / 1000).toFixed(3)]
            const format = ['--format', '{{.Action}} {{.Actor.Attributes.exitCode}}']
            const events = await docker(['events', '--filter', `container=${server.Id}`, ...kinds, ...times, ...format])
            const exitCodes = events.split('\n').flatMap(line => /^die (\d+)/.exec(line)?.[1] ?? [])
            return { count: exitCodes.length, isOutOfMemory: /^oom/m.test(events), exitCodes }
          },
          [Symbol.dispose]: memory.stop,
        }
      },
      [Symbol.asyncDispose]: down,
    }
  } catch (error) {
    await down().catch(() => {})
    throw error
  }
}

/** Watches the memory of a container by its cgroup, or by `docker stats` if the engine runs on another machine. */
function watchMemory({ Id, State }: Inspected) {
  let most = 0
  const see = (bytes: number) => {
    if (bytes > most) most = bytes
  }
  const file = peakFile(State.Pid)
  let timer: NodeJS.Timeout | undefined
  let child: ChildProcess | undefined
  const look = () => {
    try {
      if (file !== undefined) see(Number(readFileSync(file, 'utf8')))
    } catch {
      // There is no cgroup while the container restarts.
    }
  }
  if (file !== undefined) {
    timer = setInterval(look, WATCH_INTERVAL)
  } else {
    const stats = spawn('docker', ['stats', '--format', '{{.MemUsage}}', Id], { stdio: ['ignore', 'pipe', 'ignore'] })
    child = stats
    createInterface({ input: stats.stdout }).on('line', line => see(bytesOf(line)))
  }
  return {
    peak() {
      look()
      return most
    },
    stop() {
      clearInterval(timer)
      child?.kill()
    },
  }
}

/** Returns the file with the peak memory of a process's cgroup (version 1 or 2); `undefined` if there is none. */
function peakFile(pid: number): string | undefined {
  let groups: string
  try {
    groups = readFileSync(`/proc/${pid}/cgroup`, 'utf8')
  } catch {
    return undefined
  }
  const [, first] = /^\d+:memory:(.*)$/m.exec(groups) ?? []
  const [, second] = /^0::(.*)$/m.exec(groups) ?? []
  return [
    `/sys/fs/cgroup/memory${first}/memory.max_usage_in_bytes`,
    `/sys/fs/cgroup${second}/memory.peak`,
    `/sys/fs/cgroup${second}/memory.current`,
  ].find(path => existsSync(path))
}

/** Parses the memory that `docker stats` prints, for example `31.2MiB / 1GiB`. */
function bytesOf(text: string): number {
  const [, digits = '0', unit = 'B'] = /([\d.]+)([KMG]i)?B \//.exec(text) ?? []
  return Number(digits) * 1024 ** ['B', 'Ki', 'Mi', 'Gi'].indexOf(unit)
}
