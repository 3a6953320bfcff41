import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeAll, describe, expect, inject, onTestFinished, test, vi } from 'vitest'
import { connect } from '../suite/client.ts'
import { connectRaw, frame, opcodes } from '../suite/raw-client.ts'
import { addressOf, startStack } from './stack.ts'

type Stack = Awaited<ReturnType<typeof startStack>>

describe.skipIf(!inject('stack'))('two replicas with room for three connections each', () => {
  let stack: Stack
  let direct: string[]
  let controls: string[]
  beforeAll(async () => {
    stack = await startStack({
      replicas: 2,
      env: { MAX_CONNECTIONS: '3', CONTROL_PORT: '7778', CONTROL_HOST: '0.0.0.0' },
    })
    const addresses = await Promise.all(stack.servers.map(addressOf))
    direct = addresses.map(address => `ws://${address}:7777/`)
    controls = addresses.map(address => `http://${address}:7778/`)
    return () => stack.down()
  })

  const handshakes = async (outcome: string) => {
    const pages = await Promise.all(controls.map(async url => (await fetch(`${url}metrics`)).text()))
    const pattern = new RegExp(`^websocket_handshakes_total{outcome="${outcome}"} (\\d+)$`, 'm')
    return pages.map(page => Number(pattern.exec(page)?.[1] ?? 0))
  }

  test('the page is served while each replica refuses every handshake by default', async () => {
    const set = (method: 'PUT' | 'DELETE') =>
      Promise.all(
        controls.map(async url => {
          const headers = { 'Content-Type': 'application/json' }
          const { ok } = await fetch(`${url}faults`, {
            method,
            headers,
            ...(method === 'PUT' && { body: '{"reject":503}' }),
          })
          expect(ok).toBe(true)
        }),
      )
    await set('PUT')
    onTestFinished(() => set('DELETE').then(() => {}))
    expect((await connectRaw(`${stack.page.replace('http:', 'ws:')}ws`)).head).toMatch(/^HTTP\/1.1 503 /)
    for (const path of ['', '?after=5', 'main.js', 'style.css']) {
      expect((await fetch(stack.page + path, { headers: { Accept: 'text/html' } })).status).toBe(200)
    }
    expect(await (await fetch(`${stack.page}?after=5`)).text()).toContain('<title>WebSocket echo</title>')
  })

  test('NGINX tries the other replica when one is full, and answers 503 with Retry-After when both are', async () => {
    const [first = ''] = direct
    // NGINX resolves the replicas once a second, so it may not know a healthy one yet.
    await vi.waitFor(
      async () => {
        const { socket, closed } = await connect(stack.ws)
        socket.close()
        await closed
        expect((await handshakes('accepted')).every(count => count > 0)).toBe(true)
      },
      { timeout: 10_000 },
    )
    const open = [await connect(first), await connect(first), await connect(first)]
    // The full replica refuses some of these before the other answers, whose response must not change.
    for (let i = 0; i < 4; i++) {
      expect((await connectRaw(`${stack.ws}?reject=503`)).head).not.toMatch(/^Retry-After/im)
    }
    for (let i = 0; i < 3; i++) {
      const client = await connect(stack.ws)
      client.socket.send('hello')
      expect(await client.next()).toBe('[RE]: hello')
      open.push(client)
    }
    for (const url of [stack.ws, `${stack.page.replace('http:', 'ws:')}ws`]) {
      const { head } = await connectRaw(url)
      expect(head).toMatch(/^HTTP\/1.1 503 .*^Retry-After: 1$/ims)
    }
    expect((await fetch(`${stack.page}healthz`)).status).toBe(200)
    for (const { socket, closed } of open) {
      socket.close()
      await closed
    }
  })

  test('a requested rejection reaches the client unchanged, is not retried, and disables no replica', async () => {
    for (const status of [500, 502, 503, 504]) {
      const before = await handshakes('asked')
      const { head } = await connectRaw(`${stack.ws}?reject=${status}`)
      expect(head).toMatch(new RegExp(`^HTTP/1.1 ${status} `))
      expect(head).not.toMatch(/^Retry-After/im)
      const after = await handshakes('asked')
      expect(after.reduce((sum, count) => sum + count) - before.reduce((sum, count) => sum + count)).toBe(1)
      for (let i = 0; i < 4; i++) {
        const { socket, closed } = await connect(stack.ws)
        socket.close()
        await closed
      }
    }
  })
})

describe.skipIf(!inject('stack'))('silent connections', () => {
  test('stay open beyond NGINX’s timeouts, thanks to pings and pongs', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'websocket-echo-'))
    onTestFinished(() => rm(folder, { recursive: true }))
    const config = await readFile(new URL('../../nginx.conf', import.meta.url), 'utf8')
    const timeouts = /(?<=_timeout )(24h|5m)(?=;)/g
    expect(config.match(timeouts)).toHaveLength(5)
    await writeFile(join(folder, 'nginx.conf'), config.replaceAll(timeouts, '1s'), { mode: 0o644 })
    await writeFile(
      join(folder, 'override.yml'),
      `services: { client: { volumes: ["${folder}/nginx.conf:/etc/nginx/nginx.conf:ro"] } }`,
    )
    const open = async (env: Record<string, string>) => {
      const stack = await startStack({ env, overrides: [join(folder, 'override.yml')] })
      onTestFinished(() => stack.down())
      return connectRaw(stack.ws)
    }
    // Without pings, the timeouts end a connection.
    const forgotten = await open({ HEARTBEAT_INTERVAL: '0' })
    expect(await forgotten.end()).toHaveLength(0)

    const kept = await open({ HEARTBEAT_INTERVAL: '300ms' })
    for (let pings = 0; pings < 10; pings++) {
      expect(await kept.frame()).toMatchObject({ opcode: opcodes.ping })
      kept.socket.write(frame(opcodes.pong))
    }
    kept.socket.write(frame(opcodes.text, 'still here'))
    while ((await kept.frame()).opcode === opcodes.ping) kept.socket.write(frame(opcodes.pong))
  })
})

test.skipIf(!inject('stack'))('TCP keep-alive is on for both sides of NGINX', async () => {
  const stack = await startStack({ env: { HEARTBEAT_INTERVAL: '0' } })
  onTestFinished(() => stack.down())
  await connectRaw(stack.ws)
  await vi.waitFor(async () => {
    const { output } = await stack.client.exec(['sh', '-c', 'cat /proc/net/tcp'])
    // Columns: local address, remote address, state, queues, timer. 01 is established, 1E61 port 7777, 02 keep-alive.
    const timers = [...output.matchAll(/ \w+:(\w+) \w+:(\w+) 01 \S+ (\d\d):/g)]
    for (const side of [1, 2]) {
      const atPort = timers.filter(match => match[side] === '1E61').map(([, , , timer]) => timer)
      expect(new Set(atPort)).toEqual(new Set(['02']))
    }
  }, 10_000)
})

describe.skipIf(!inject('stack'))('ten thousand connections', () => {
  test('pass through the stack with default settings, and each gets its own reply', async () => {
    const stack = await startStack()
    onTestFinished(() => stack.down())
    // At the container's own address, because Docker's port proxy runs out of file descriptors.
    const url = `ws://${await addressOf(stack.client)}:7777/raw`
    const clients: Awaited<ReturnType<typeof connectRaw>>[] = []
    for (let i = 0; i < 10_000; i += 100) {
      clients.push(...(await Promise.all(Array.from({ length: 100 }, () => connectRaw(url)))))
    }
    for (const [i, { socket }] of clients.entries()) socket.write(frame(opcodes.text, `I am ${i}`))
    for (const [i, client] of clients.entries()) {
      expect((await client.frame()).payload.toString()).toBe(`I am ${i}`)
    }
    for (const { socket } of clients) socket.destroy()
  })
})
