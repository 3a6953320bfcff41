import { setTimeout as delay } from 'node:timers/promises'
import { beforeAll, describe, expect, inject, test, vi } from 'vitest'
import { connect } from '../suite/client.ts'
import { docker, startStack } from './stack.ts'

type Stack = Awaited<ReturnType<typeof startStack>>

/** Tries to connect every 100 ms, as a reconnecting client does. */
const reconnect = async (url: string) => {
  for (;;) {
    try {
      return await connect(url)
    } catch {
      await delay(100)
    }
  }
}

const answers = async (url: string) => {
  const { socket, next } = await reconnect(url)
  socket.send('hello')
  const answer = await next()
  socket.close()
  return answer
}

const logOf = async (container: { getId(): string }) =>
  (await docker('logs', container.getId()))
    .trim()
    .split('\n')
    .map(line => JSON.parse(line))

describe.skipIf(!inject('stack'))('with three replicas', () => {
  let stack: Stack
  beforeAll(async () => {
    stack = await startStack({ replicas: 3 })
    return () => stack.down()
  })

  beforeAll(async () => {
    // NGINX asks the DNS once a second: a replica may be healthy before it is known.
    await vi.waitFor(
      async () => {
        await answers(`${stack.ws}first`)
        for (const log of await Promise.all(stack.servers.map(logOf))) {
          expect(log).toContainEqual(expect.objectContaining({ path: '/first' }))
        }
      },
      { timeout: 10_000 },
    )
  })

  test('both containers run as a numbered user, without capabilities, on a read-only root', async () => {
    for (const [container, user] of [
      [stack.client, '101'],
      [stack.servers[0] as Stack['client'], '1000'],
    ] as const) {
      expect((await container.exec(['id', '-u'])).output.trim()).toBe(user)
      const status = (await container.exec(['cat', '/proc/self/status'])).output
      expect(status).toMatch(/^CapBnd:\t0+$/m)
      expect(status).toMatch(/^NoNewPrivs:\t1$/m)
      const touch = await container.exec(['touch', '/here'])
      expect(touch.output).toContain('Read-only file system')
      expect((await container.exec(['cat', '/proc/1/cmdline'])).output).toMatch(/^\S*(docker-init|tini)/)
    }
  })

  test('the server’s image holds nothing that does not run', async () => {
    const [server] = stack.servers
    const { output } = (await server?.exec(['sh', '-c', 'ls; ls server; ls node_modules'])) ?? { output: '' }
    expect(output).toContain('main.js')
    for (const absent of ['local.js', 'page.js', 'typescript', 'vitest', 'test']) {
      expect(output.split('\n')).not.toContain(absent)
    }
  })

  test('connections are spread over the replicas, and logged with the address and messages of their peer', async () => {
    const clients = await Promise.all(Array.from({ length: 6 }, () => connect(`${stack.ws}spread`)))
    for (const { socket, next } of clients) {
      socket.send('seen in the log')
      await next()
    }
    const nginx = (await stack.client.exec(['cat', '/proc/net/fib_trie'])).output
    for (const server of stack.servers) {
      const log = await logOf(server)
      const connected = log.filter(({ msg, path }) => msg === 'Connected!' && path === '/spread')
      expect(connected).toHaveLength(2)
      for (const { address } of connected) expect(nginx).not.toContain(`-- ${address}\n`)
      expect(log.filter(({ msg }) => msg === 'Message received : seen in the log')).toHaveLength(2)
    }
    for (const { socket } of clients) socket.close()
  })

  test('clients connect again when a replica is killed, without touching NGINX', async () => {
    const [first, second] = stack.servers
    const clients = await Promise.all(Array.from({ length: 6 }, () => connect(stack.ws)))
    const killed = performance.now()
    await docker('kill', first?.getId() ?? '')
    const lost = await Promise.race(clients.map(({ closed }) => closed))
    expect(lost).toMatchObject({ code: 1006 })
    for (let i = 0; i < 6; i++) expect(await answers(stack.ws)).toBe('[RE]: hello')
    // Without max_fails=0 or the short proxy_connect_timeout it takes 10 s and more.
    expect(performance.now() - killed).toBeLessThan(8000)

    await docker('restart', second?.getId() ?? '')
    for (let i = 0; i < 6; i++) expect(await answers(stack.ws)).toBe('[RE]: hello')
  })

  test('a reload of NGINX leaves an open WebSocket alone', async () => {
    // Not at the first attempt, perhaps: NGINX answers 502 when its list of replicas changes between two of them.
    const { socket, next } = await reconnect(stack.ws)
    await docker('kill', '--signal', 'SIGHUP', stack.client.getId())
    await vi.waitFor(async () => {
      expect(await docker('top', stack.client.getId())).toContain('shutting down')
    })
    expect(await answers(stack.ws)).toBe('[RE]: hello')
    socket.send('still here')
    expect(await next()).toBe('[RE]: still here')
    socket.close()
  })

  test('docker stop ends each container at once with 0', async () => {
    for (const container of [stack.servers[2] as Stack['client'], stack.client]) {
      await docker('stop', container.getId())
      expect(await docker('inspect', '-f', '{{.State.ExitCode}}', container.getId())).toBe('0\n')
    }
  })
})

test.skipIf(!inject('stack'))('docker compose down closes clients with 1001', async () => {
  const { ws, down } = await startStack()
  const { closed } = await connect(ws)
  await down()
  expect(await closed).toMatchObject({ code: 1001 })
})
