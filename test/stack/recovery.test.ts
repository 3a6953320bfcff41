import { beforeAll, describe, expect, inject, test, vi } from 'vitest'
import { type ReconnectingClient, startReconnectingClient } from './reconnecting-client.ts'
import { docker, serverImage, signalServer, startStack } from './stack.ts'

type Stack = Awaited<ReturnType<typeof startStack>>

const CLIENTS = 6

describe.skipIf(!inject('stack'))('reconnecting clients', () => {
  let stack: Stack
  const compose = (...args: string[]) => stack.compose(...args)
  const servers = async () => (await compose('ps', '-q', 'server')).trim().split('\n').filter(Boolean)

  beforeAll(async () => {
    stack = await startStack({ replicas: 3 })
    return () => stack.down()
  })

  /** Milliseconds that three bare containers take to restart on this machine. The tests measure the time beyond that. */
  let restart = 0

  beforeAll(async () => {
    const image = await serverImage()
    const ids: string[] = []
    const serves = async (id: string) => {
      const address = (await docker('port', id, '7777')).trim()
      await vi.waitFor(() => fetch(`http://${address}/healthz`), { timeout: 30_000, interval: 20 })
    }
    try {
      while (ids.length < 3) ids.push((await docker('run', '-d', '-p', '127.0.0.1::7777', image)).trim())
      await Promise.all(ids.map(serves))
      const before = performance.now()
      await Promise.all(ids.map(id => docker('restart', id)))
      await Promise.all(ids.map(serves))
      restart = performance.now() - before
    } finally {
      await Promise.all(ids.map(id => docker('rm', '-f', id)))
    }
  })

  const allGaps: number[] = []

  // Compose stops replicas one after the other, so a client may move to one that is stopped a moment later.
  const CUT_TWICE = 2 * CLIENTS

  test.for([
    ['docker compose restart server', CUT_TWICE, () => compose('restart', 'server')],
    [
      'SIGKILL to the process of one replica',
      CLIENTS / 2,
      async () => {
        const [id = ''] = await servers()
        // The kill ends the container, and with it this command.
        await signalServer(id, 'SIGKILL').catch(() => {})
      },
    ],
    ['docker kill of one replica', CLIENTS / 2, async () => docker('kill', (await servers())[0] ?? '')],
    // The replica that was killed above is started again and stays, the two that run are stopped.
    [
      'scaling to one',
      CUT_TWICE,
      () => compose('up', '-d', '--no-deps', '--no-recreate', '--scale', 'server=1', 'server'),
    ],
    ['scaling to three', 0, () => compose('up', '-d', '--no-deps', '--no-recreate', '--scale', 'server=3', 'server')],
    [
      'new containers',
      CUT_TWICE,
      () => compose('up', '-d', '--no-deps', '--force-recreate', '--scale', 'server=3', 'server'),
    ],
  ] as const)(
    'get replies again within 2 s of %s, plus the time that bare containers take to restart',
    async ([, most, cut]) => {
      const clients: ReconnectingClient[] = []
      while (clients.length < CLIENTS) clients.push(await startReconnectingClient(stack.ws))
      await cut()
      await vi.waitFor(
        async () => {
          const states = await Promise.all(
            (await servers()).map(id => docker('inspect', '-f', '{{.State.Health.Status}}', id)),
          )
          for (const state of states) expect(state.trim()).toBe('healthy')
        },
        { timeout: 30_000, interval: 200 },
      )
      await Promise.all(clients.map(({ stop }) => stop()))
      const gaps = clients.flatMap(({ gaps }) => gaps)
      expect(clients.flatMap(({ wrong }) => wrong)).toEqual([])
      for (const gap of gaps) expect(gap).toBeLessThan(2000 + restart)
      expect(gaps.length).toBeLessThanOrEqual(most)
      allGaps.push(...gaps)
    },
  )

  test('get replies again within half a second in the median', () => {
    expect(allGaps.length).toBeGreaterThan(0)
    expect(allGaps.toSorted((a, b) => a - b)[Math.floor(allGaps.length / 2)]).toBeLessThan(500 + restart)
  })
})
