import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { beforeAll, describe, expect, test, vi } from 'vitest'
import { type ReconnectingClient, startReconnectingClient } from '../stack/reconnecting-client.ts'
import { docker, serverImage } from '../stack/stack.ts'
import { connect } from '../suite/client.ts'

const STACK = 'websocket-echo-test'
const SERVICE = `${STACK}_server`

const freePort = async () => {
  const server = createServer().listen(0)
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return String(port)
}

/** Creates a variant of the server's image with a Dockerfile instruction, and returns its name. */
const derive = async (name: string, change: string) => {
  const image = await serverImage()
  const container = (await docker('create', image)).trim()
  await docker('commit', '--change', change, container, `${image}-${name}`)
  await docker('rm', container)
  return `${image}-${name}`
}

// A project of its own: when a node leaves a swarm, Docker forgets the names of other running containers.
describe('on a swarm', () => {
  let url: string
  const files = ['-c', 'docker-compose.yml', '-c', 'docker-compose.swarm.yml']

  /** Connects until exactly `count` replicas answer, told apart by their host names. */
  const expectReplicas = (count: number) =>
    vi.waitFor(
      async () => {
        const hosts = new Set<string>()
        for (let i = 0; i < 8; i++) {
          const { socket, next } = await connect(`${url}?hello`)
          hosts.add(JSON.parse(String(await next())).host)
          socket.close()
        }
        expect(hosts.size).toBe(count)
      },
      { timeout: 60_000, interval: 200 },
    )

  const startClients = async () => {
    const clients: ReconnectingClient[] = []
    while (clients.length < 10) clients.push(await startReconnectingClient(url))
    return clients
  }
  const stopClients = async (clients: ReconnectingClient[]) => {
    await Promise.all(clients.map(({ stop }) => stop()))
    expect(clients.flatMap(({ wrong }) => wrong)).toEqual([])
    return { codes: clients.flatMap(({ codes }) => codes), gaps: clients.flatMap(({ gaps }) => gaps) }
  }

  beforeAll(async () => {
    const state = (await docker('info', '--format', '{{.Swarm.LocalNodeState}}')).trim()
    if (state !== 'inactive')
      throw new Error(`this engine is already in a swarm (${state}), and this test does not touch it`)
    await docker('compose', 'build')
    await docker('swarm', 'init', '--advertise-addr', '127.0.0.1')
    const [HTTP_PORT, WS_PORT] = [await freePort(), await freePort()]
    url = `ws://127.0.0.1:${WS_PORT}/`
    const IMAGE_REPOSITORY = (await serverImage()).replace(/-server:[^:]*$/, '')
    const env = { ...process.env, IMAGE_REPOSITORY, HTTP_PORT, WS_PORT, LOG_LEVEL: 'info' }
    await docker({ env }, 'stack', 'deploy', '--resolve-image', 'never', ...files, STACK)
    return async () => {
      await docker('stack', 'rm', STACK)
      await docker('swarm', 'leave', '--force')
      await vi.waitFor(
        async () => expect(await docker('ps', '-q', '-f', `label=com.docker.stack.namespace=${STACK}`)).toBe(''),
        { timeout: 60_000 },
      )
    }
  })

  test('the stack deploys and echoes', async () => {
    await expectReplicas(2)
    const { socket, next } = await connect(url)
    socket.send('hello')
    expect(await next()).toBe('[RE]: hello')
    socket.close()
  })

  test('the server scales from 2 to 4 to 1', async () => {
    await docker('service', 'scale', '--detach=false', `${SERVICE}=4`)
    await expectReplicas(4)
    const clients = await startClients()
    await docker('service', 'scale', '--detach=false', `${SERVICE}=1`)
    await expectReplicas(1)
    const { codes, gaps } = await stopClients(clients)
    expect(codes.every(code => code === 1001)).toBe(true)
    expect(Math.max(0, ...gaps)).toBeLessThan(1000)
    await docker('service', 'scale', '--detach=false', `${SERVICE}=2`)
    await expectReplicas(2)
  })

  test('a rolling update closes connections with 1001, and clients are back within a second', async () => {
    const clients = await startClients()
    const image = await derive('next', 'LABEL next=true')
    await docker('service', 'update', '--detach=false', '--image', image, SERVICE)
    expect(await docker('service', 'inspect', '-f', '{{.UpdateStatus.State}}', SERVICE)).toBe('completed\n')
    const { codes, gaps } = await stopClients(clients)
    expect(codes.length).toBeGreaterThanOrEqual(clients.length)
    expect(codes.every(code => code === 1001)).toBe(true)
    expect(Math.max(...gaps)).toBeLessThan(1000)
  })

  test('an update to a broken image rolls back automatically, and no connection is lost', async () => {
    const clients = await startClients()
    const image = await derive('broken', 'CMD ["false"]')
    await docker('service', 'update', '--detach=false', '--image', image, SERVICE).catch(() => {})
    expect(await docker('service', 'inspect', '-f', '{{.UpdateStatus.State}}', SERVICE)).toBe('rollback_completed\n')
    expect(await stopClients(clients)).toEqual({ codes: [], gaps: [] })
  })
})
