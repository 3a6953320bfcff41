import { execFile } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { DockerComposeEnvironment, Wait } from 'testcontainers'
import { startReaper } from './engine.ts'

/** The addresses of a composed stack on this machine. */
export type Addresses = { page: string; ws: string }

const root = fileURLToPath(new URL('../..', import.meta.url))

/** Runs a docker command, optionally with another environment, and resolves with its output. */
export async function docker(...args: string[] | [{ env: NodeJS.ProcessEnv }, ...string[]]): Promise<string> {
  const [{ env }, words] = typeof args[0] === 'object' ? [args[0], args.slice(1)] : [process, args]
  const { stdout, stderr } = await promisify(execFile)('docker', words as string[], { cwd: root, env })
  return stdout + stderr
}

const composed = async () => JSON.parse(await docker('compose', 'config', '--format', 'json'))

const imageOf = async (service: 'client' | 'server'): Promise<string> => (await composed()).services[service].image

/** Returns the name of the server's image in docker-compose.yml. */
export const serverImage = () => imageOf('server')

/** Returns the name of the client's image in docker-compose.yml. */
export const clientImage = () => imageOf('client')

/** Returns a free port of this machine. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

/** Returns the address of a container in its network. */
export async function addressOf(container: { getId(): string }): Promise<string> {
  const format = '{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}'
  return (await docker('inspect', '-f', format, container.getId())).trim()
}

/** Signals the server's process in its container, where process 1 is the init. Rejects if the signal ends the container. */
export async function signalServer(id: string, signal: 'SIGSTOP' | 'SIGCONT' | 'SIGKILL'): Promise<void> {
  const script = `process.kill(require('fs').readFileSync('/proc/1/task/1/children', 'utf8'), '${signal}')`
  await docker('exec', id, 'node', '-e', script)
}

type ProjectOptions = {
  env?: Record<string, string>
  /** Files beside docker-compose.yml. */
  overrides?: string[]
}

type StackOptions = { replicas?: number; build?: boolean }

/** Names a project of docker compose that uses this checkout's images and random ports. Taken down when disposed. */
export async function createProject({ env = {}, overrides = [] }: ProjectOptions = {}) {
  const name = `websocket-echo-${randomUUID()}`
  const files = ['docker-compose.yml', ...overrides]
  // Otherwise the project would have images of its own.
  const { IMAGE_REPOSITORY = (await composed()).name } = process.env
  const environment = { IMAGE_REPOSITORY, HTTP_PORT: '0', WS_PORT: '0', LOG_FORMAT: 'json', ...env }
  const compose = (...args: string[]) => {
    const options = ['-p', name, ...files.flatMap(file => ['-f', file])]
    return docker({ env: { ...process.env, ...environment } }, 'compose', ...options, ...args)
  }
  return { name, files, environment, compose, [Symbol.asyncDispose]: async () => void (await compose('down')) }
}

/**
 * Starts the whole stack like `docker compose up`, on random ports, and resolves when it is healthy. It logs at `debug`,
 * as compose sets it, which turns the fast path off; `LOG_LEVEL: 'info'` turns it on.
 */
export async function startStack({ replicas = 1, build = false, ...options }: ProjectOptions & StackOptions = {}) {
  await startReaper()
  const { name, files, environment, compose } = await createProject(options)
  const stack = new DockerComposeEnvironment(root, files)
    .withProjectName(name)
    .withEnvironment(environment)
    .withClientOptions({ commandOptions: ['--scale', `server=${replicas}`] })
    .withDefaultWaitStrategy(Wait.forHealthCheck())
    .withStartupTimeout(60_000)
  const started = await (build ? stack.withBuild() : stack).up()

  const client = started.getContainer('client-1')
  const servers = Array.from({ length: replicas }, (_, i) => started.getContainer(`server-${i + 1}`))
  const addresses: Addresses = {
    page: `http://${client.getHost()}:${client.getMappedPort(80)}/`,
    ws: `ws://${client.getHost()}:${client.getMappedPort(7777)}/`,
  }
  const down = async () => {
    await started.down()
  }
  return { ...addresses, client, servers, compose, down }
}
