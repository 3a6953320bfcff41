import { exec } from 'node:child_process'
import { setTimeout as delay } from 'node:timers/promises'
import { promisify } from 'node:util'
import { beforeAll, describe, expect, inject, onTestFinished, test, vi } from 'vitest'
import { connect } from '../suite/client.ts'
import { connectRaw } from '../suite/raw-client.ts'
import { createProject, docker, serverImage, signalServer, startStack } from './stack.ts'

type Stack = Awaited<ReturnType<typeof startStack>>

/** Connects like a reconnecting client: with a new attempt every 100 ms. */
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

/** The paths of all files in a container. */
const filesOf = async (id: string) => {
  const { stdout } = await promisify(exec)(`docker export ${id} | tar -t`, { maxBuffer: 2 ** 26 })
  return stdout
    .split('\n')
    .filter(path => path !== '' && !path.endsWith('/'))
    .toSorted()
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
    // NGINX resolves the replicas once a second, so it may not know a healthy one yet.
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

  test('both containers run as a non-root user, without capabilities, on a read-only file system', async () => {
    // Neither image has more programs than these.
    const inNode = `const { readFileSync: read, writeFileSync: write } = require('fs')
      console.log(process.getuid(), String(read('/proc/1/cmdline')), String(read('/proc/self/status')))
      write('/here', '')`
    const inShell = 'echo $(id -u) $(cat /proc/1/cmdline); cat /proc/self/status; touch /here'
    for (const [container, user, command] of [
      [stack.client, '101', ['sh', '-c', inShell]],
      [stack.servers[0] as Stack['client'], '1000', ['node', '-e', inNode]],
    ] as const) {
      const { output } = await container.exec([...command])
      expect(output).toMatch(new RegExp(`^${user} \\S*tini`, 'm'))
      expect(output).toMatch(/^CapBnd:\t0+$/m)
      expect(output).toMatch(/^NoNewPrivs:\t1$/m)
      expect(output).toMatch(/read-only file system/i)
    }
  })

  test('the server’s image contains only what runs', async () => {
    const id = (await docker('create', await serverImage())).trim()
    onTestFinished(async () => void (await docker('rm', id)))
    const files = await filesOf(id)
    expect(files.filter(file => file.startsWith('app/'))).toEqual([
      'app/server/control.cjs',
      'app/server/main.cjs',
      'app/server/signalr.cjs',
      'app/server/socket-io.cjs',
    ])
    expect(files).toContain('usr/local/bin/node')
    expect(files.filter(file => /(^|\/)(sh|bash|busybox|npm|apt|dpkg)$/.test(file))).toEqual([])
  })

  test('connections are spread over the replicas, and logged with the client’s address and messages', async () => {
    const clients = await Promise.all(Array.from({ length: 6 }, () => connect(`${stack.ws}spread`)))
    for (const { socket, next } of clients) {
      socket.send('seen in the log')
      await next()
    }
    const nginx = (await stack.client.exec(['sh', '-c', 'cat /proc/net/fib_trie'])).output
    for (const server of stack.servers) {
      const log = await logOf(server)
      const connected = log.filter(({ msg, path }) => msg === 'Connected!' && path === '/spread')
      expect(connected).toHaveLength(2)
      for (const { address } of connected) expect(nginx).not.toContain(`-- ${address}\n`)
      expect(log.filter(({ msg }) => msg === 'Message received : seen in the log')).toHaveLength(2)
    }
    for (const { socket } of clients) socket.close()
  })

  test('clients can reconnect when a replica is killed, without a restart of NGINX', async () => {
    const [first, second] = stack.servers
    const clients = await Promise.all(Array.from({ length: 6 }, () => connect(stack.ws)))
    const killed = performance.now()
    await docker('kill', first?.getId() ?? '')
    const lost = await Promise.race(clients.map(({ closed }) => closed))
    expect(lost).toMatchObject({ code: 1006 })
    for (let i = 0; i < 6; i++) expect(await answers(stack.ws)).toBe('[RE]: hello')
    // Without max_fails=0 or the short proxy_connect_timeout, this takes over 10 s.
    expect(performance.now() - killed).toBeLessThan(8000)

    await docker('restart', second?.getId() ?? '')
    for (let i = 0; i < 6; i++) expect(await answers(stack.ws)).toBe('[RE]: hello')
  })

  test('an open WebSocket survives a reload of NGINX', async () => {
    // The first attempt may get a 502, which NGINX sends while its list of replicas changes.
    const { socket, next } = await reconnect(stack.ws)
    await docker('kill', '--signal', 'SIGHUP', stack.client.getId())
    await expect.poll(() => docker('top', stack.client.getId())).toContain('shutting down')
    expect(await answers(stack.ws)).toBe('[RE]: hello')
    socket.send('still here')
    expect(await next()).toBe('[RE]: still here')
    socket.close()
  })

  test('docker stop ends each container promptly with exit code 0', async () => {
    for (const container of [stack.servers[2] as Stack['client'], stack.client]) {
      await docker('stop', container.getId())
      expect(await docker('inspect', '-f', '{{.State.ExitCode}}', container.getId())).toBe('0\n')
    }
  })
})

describe.skipIf(!inject('stack'))('with two replicas, some of them frozen', () => {
  let stack: Stack
  beforeAll(async () => {
    stack = await startStack({ replicas: 2 })
    return () => stack.down()
  })

  /** Freezes or continues a server. */
  const signal = (name: 'STOP' | 'CONT', index: number) =>
    signalServer(stack.servers[index]?.getId() ?? '', `SIG${name}`)
  const expectReplicas = async (count: number) => {
    const hosts = new Set<string>()
    for (let i = 0; i < 8; i++) {
      const { socket, next } = await connect(`${stack.ws}?hello`)
      hosts.add(JSON.parse(String(await next())).host)
      socket.close()
    }
    expect(hosts.size).toBe(count)
  }

  test('the other replica answers handshakes and plain requests within 3 s', async () => {
    await vi.waitFor(() => expectReplicas(2), { timeout: 10_000 })
    await signal('STOP', 1)
    for (let i = 0; i < 10; i++) {
      const started = performance.now()
      const { socket, next } = await connect(`${stack.ws}?handshake-delay=100ms`)
      expect(performance.now() - started).toBeLessThan(3000)
      socket.send('hello')
      expect(await next()).toBe('[RE]: hello')
      socket.close()
    }
    const answer = await fetch(stack.ws.replace('ws:', 'http:'), { method: 'POST', body: 'of a request' })
    expect(answer.status).toBe(426)
  })

  test('NGINX answers 503 within 5 s when all replicas are frozen', async () => {
    await signal('STOP', 0)
    for (const url of [stack.ws, `${stack.page.replace('http:', 'ws:')}ws`]) {
      const started = performance.now()
      expect((await connectRaw(url)).head).toMatch(/^HTTP\/1.1 503 .*^Retry-After: 1$/ims)
      expect(performance.now() - started).toBeLessThan(5000)
    }
  })

  test('replicas that continue serve again', async () => {
    for (const index of [0, 1]) await signal('CONT', index)
    await vi.waitFor(() => expectReplicas(2), { timeout: 10_000 })
  })

  test('a path with the name of the probe echoes like any other', async () => {
    const { socket, next } = await connect(`${stack.ws}probe`)
    socket.send('hello')
    expect(await next()).toBe('[RE]: hello')
    socket.close()
  })
})

test.skipIf(!inject('stack')).for([['restart'], ['up', '--detach', '--force-recreate'], ['stop'], ['down']] as const)(
  'docker compose %o closes clients with 1001',
  async words => {
    const { ws, compose, down } = await startStack({ replicas: 2 })
    onTestFinished(down)
    const clients = await Promise.all(Array.from({ length: 6 }, () => connect(ws)))
    const scale = words[0] === 'up' ? ['--scale', 'server=2'] : []
    await compose(...words, ...scale)
    for (const { closed } of clients) expect(await closed).toMatchObject({ code: 1001 })
  },
)

describe.skipIf(!inject('stack'))('a service that ends', () => {
  test.for([
    ['server', { LOG_LEVEL: 'loud' }],
    ['client', { FRONT_PROXIES: 'nonsense' }],
  ] as const)(
    'the %s gives up on a wrong setting, and its log names it',
    { timeout: 120_000 },
    async ([service, env]) => {
      await using stack = await createProject({ env })
      await expect(stack.compose('up', '--detach', '--wait')).rejects.toThrow(`${service}-1`)
      const id = (await stack.compose('ps', '--all', '--quiet', service)).trim()
      const state = () => docker('inspect', '-f', '{{.State.Status}} {{.State.ExitCode}}', id)
      await expect.poll(state, { timeout: 30_000 }).toBe('exited 1\n')
      const log = await stack.compose('logs', service)
      for (const [name, value] of Object.entries(env)) expect(log).toContain(`${name}="${value}": expected`)
    },
  )

  test('the server comes back after its process was killed', async () => {
    await using stack = await createProject()
    await stack.compose('up', '--detach', '--wait', 'server')
    const id = (await stack.compose('ps', '--quiet', 'server')).trim()
    // The kill ends the container, and with it this command.
    await signalServer(id, 'SIGKILL').catch(() => {})
    const state = () => docker('inspect', '-f', '{{.RestartCount}} {{.State.Health.Status}}', id)
    await expect.poll(state, { timeout: 30_000 }).toBe('1 healthy\n')
  })
})
