import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { beforeAll, describe, expect, test, vi } from 'vitest'
import { type ReturningClient, startReturningClient } from '../stack/returning-client.ts'
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

/** Makes an image of ours that differs in what a container of it is changed to. */
const derive = async (name: string, change: string) => {
  const image = await serverImage()
  const container = (await docker('create', image)).trim()
  await docker('commit', '--change', change, container, `${image}-${name}`)
  await docker('rm', container)
  return `${image}-${name}`
}

// By itself: when a swarm is left, Docker forgets the names of the containers that run beside it.
describe('on a swarm', () => {
  let url: string
  const files = ['-c', 'docker-compose.yml', '-c', 'docker-compose.swarm.yml']

  /** Connects until so many replicas have been met by their host names. */
  const meet = (count: number) =>
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
    const clients: ReturningClient[] = []
    while (clients.length < 10) clients.push(await startReturningClient(url))
    return clients
  }
  const stopClients = async (clients: ReturningClient[]) => {
    await Promise.all(clients.map(({ stop }) => stop()))
    expect(clients.flatMap(({ wrong }) => wrong)).toEqual([])
    return { codes: clients.flatMap(({ codes }) => codes), gaps: clients.flatMap(({ gaps }) => gaps) }
  }

  beforeAll(async () => {
    const state = (await docker('info', '--format', '{{.Swarm.LocalNodeState}}')).trim()
    if (state !== 'inactive') throw new Error(`this engine is in a swarm already (${state}), which is left alone`)
    await docker('compose', 'build')
    await docker('swarm', 'init', '--advertise-addr', '127.0.0.1')
    const [HTTP_PORT, WS_PORT] = [await freePort(), await freePort()]
    url = `ws://127.0.0.1:${WS_PORT}/`
    const env = { ...process.env, HTTP_PORT, WS_PORT, LOG_LEVEL: 'info' }
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

  test('it deploys, and echoes', async () => {
    await meet(2)
    const { socket, next } = await connect(url)
    socket.send('hello')
    expect(await next()).toBe('[RE]: hello')
    socket.close()
  })

  test('it scales from 2 to 4 to 1', async () => {
    await docker('service', 'scale', '--detach=false', `${SERVICE}=4`)
    await meet(4)
    const clients = await startClients()
    await docker('service', 'scale', '--detach=false', `${SERVICE}=1`)
    await meet(1)
    const { codes, gaps } = await stopClients(clients)
    expect(codes.every(code => code === 1001)).toBe(true)
    expect(Math.max(0, ...gaps)).toBeLessThan(1000)
    await docker('service', 'scale', '--detach=false', `${SERVICE}=2`)
    await meet(2)
  })

  test('a rolling update under load ends connections with 1001, and nobody waits for over a second', async () => {
    const clients = await startClients()
    const image = await derive('next', 'LABEL next=true')
    await docker('service', 'update', '--detach=false', '--image', image, SERVICE)
    expect(await docker('service', 'inspect', '-f', '{{.UpdateStatus.State}}', SERVICE)).toBe('completed\n')
    const { codes, gaps } = await stopClients(clients)
    expect(codes.length).toBeGreaterThanOrEqual(clients.length)
    expect(codes.every(code => code === 1001)).toBe(true)
    expect(Math.max(...gaps)).toBeLessThan(1000)
  })

  test('a broken image is rolled back by itself, and no connection is lost', async () => {
    const clients = await startClients()
    const image = await derive('broken', 'CMD ["false"]')
    await docker('service', 'update', '--detach=false', '--image', image, SERVICE).catch(() => {})
    expect(await docker('service', 'inspect', '-f', '{{.UpdateStatus.State}}', SERVICE)).toBe('rollback_completed\n')
    expect(await stopClients(clients)).toEqual({ codes: [], gaps: [] })
  })
})
