import { beforeAll, describe, expect, inject, test, vi } from 'vitest'
import { connect } from '../suite/client.ts'
import { connectIo, type IoClient, transports, upgraded } from '../suite/socket-io-client.ts'
import { docker, startStack } from './stack.ts'

const CLIENTS = 12

describe.skipIf(!inject('stack'))('three replicas', () => {
  let stack: Awaited<ReturnType<typeof startStack>>

  beforeAll(async () => {
    stack = await startStack({ replicas: 3 })
    return () => stack.down()
  })

  const containers = async () => (await stack.compose('ps', '-q', 'server')).trim().split('\n')

  /** Returns the fields of each log line with this message so far, with the container as `id`. */
  const linesOf = async (msg: string) => {
    const logs = await Promise.all(
      (await containers()).map(async id => {
        const lines = (await docker('logs', id)).split('\n')
        return lines.flatMap(line => {
          const fields = line.startsWith('{') ? JSON.parse(line) : {}
          return fields.msg === msg ? [{ ...fields, id }] : []
        })
      }),
    )
    return logs.flat()
  }

  /** Returns the container and the fields of each session in the logs so far. */
  const sessionsOf = async () => (await linesOf('Connected!')).filter(({ protocol }) => protocol)

  describe.for(['page', 'ws'] as const)('on the port of the %s', port => {
    const url = () => stack[port].replace(/^ws/, 'http')

    test.for(Object.entries(transports))('twelve Socket.IO clients over %s all work', async ([name, transports]) => {
      const clients = await Promise.all(
        Array.from({ length: CLIENTS }, () => connectIo(url(), { transports: [...transports] })),
      )
      for (let i = 0; i < 5; i++) {
        const answers = await Promise.all(clients.map(({ socket }) => socket.emitWithAck('message', `hi ${i}`)))
        expect(answers).toEqual(clients.map(() => `[RE]: hi ${i}`))
      }
      if (name === 'both transports') await Promise.all(clients.map(upgraded))
      const last = await Promise.all(clients.map(({ socket }) => socket.emitWithAck('message', 'end')))
      expect(last).toEqual(clients.map(() => '[RE]: end'))
    })
  })

  test('sessions are spread over the replicas, and logged with the client’s address', async () => {
    const sessions = await sessionsOf()
    expect(sessions.length).toBeGreaterThanOrEqual(6 * CLIENTS)
    for (const container of stack.servers) {
      expect(sessions.filter(({ id }) => id === container.getId()).length).toBeGreaterThanOrEqual(CLIENTS)
    }
    expect(new Set(sessions.map(({ address }) => address)).size).toBe(1)
  })

  test('plain WebSockets go to the replica that has the fewest of them, while sessions are open', async () => {
    const url = stack.ws.replace(/^ws/, 'http')
    await Promise.all(Array.from({ length: 5 }, () => connectIo(url, { transports: ['polling'] })))
    const open = new Map<string, Awaited<ReturnType<typeof connect>>>()
    const openThree = async (name: string) => {
      for (let i = 0; i < 3; i++) open.set(`/${name}-${i}`, await connect(`${stack.ws}${name}-${i}`))
    }
    const placesOf = async (name: string) => {
      const lines = await linesOf('Connected!')
      return lines.flatMap(({ path, id }) => (path?.startsWith(`/${name}-`) ? [{ path, id }] : []))
    }
    for (const name of ['a', 'b', 'c']) await openThree(name)
    const places = (await Promise.all(['a', 'b', 'c'].map(placesOf))).flat()
    const [emptied = ''] = await containers()
    const onEmptied = places.filter(({ id }) => id === emptied)
    expect([places.length, onEmptied.length]).toEqual([9, 3])
    for (const { path } of onEmptied) open.get(path)?.socket.close()
    await vi.waitFor(async () => {
      const gone = (await linesOf('Disconnected')).filter(({ id, protocol }) => id === emptied && !protocol)
      expect(gone.length).toBe(3)
    }, 10_000)
    await openThree('d')
    expect((await placesOf('d')).map(({ id }) => id)).toEqual([emptied, emptied, emptied])
  })

  const connectReconnecting = (transports: readonly ('polling' | 'websocket')[]) =>
    Promise.all(
      Array.from({ length: CLIENTS }, () =>
        connectIo(stack.ws.replace(/^ws/, 'http'), {
          transports: [...transports],
          reconnection: true,
          reconnectionDelay: 100,
        }),
      ),
    )

  test.for(Object.entries(transports))(
    'clients over %s whose replica is killed reconnect to another one, and the others go on',
    async ([, transports]) => {
      const clients = await connectReconnecting(transports)
      const ids = clients.map(({ socket }) => socket.id)
      const sessions = (await sessionsOf()).sort((a, b) => a.time.localeCompare(b.time))
      const killed = sessions.at(-1)?.id
      const lost = sessions.slice(-CLIENTS).filter(({ id }) => id === killed).length
      await docker('kill', killed)
      try {
        const answers = await Promise.all(
          clients.map(({ socket }) =>
            vi.waitFor(() => socket.timeout(2000).emitWithAck('message', 'again'), { timeout: 30_000, interval: 100 }),
          ),
        )
        expect(answers).toEqual(clients.map(() => '[RE]: again'))
        const kept = clients.filter(({ socket }, i) => socket.id === ids[i])
        expect(kept.length).toBe(CLIENTS - lost)
      } finally {
        await docker('start', killed)
        await vi.waitFor(
          async () => expect(await docker('inspect', '-f', '{{.State.Health.Status}}', killed)).toContain('healthy'),
          { timeout: 30_000, interval: 200 },
        )
      }
    },
  )

  test('sessions go on when replicas come', async () => {
    const clients = await connectReconnecting(['polling'])
    const ids = clients.map(({ socket }) => socket.id)
    await stack.compose('up', '-d', '--no-recreate', '--scale', 'server=5', '--wait')
    await Promise.all(clients.map(({ socket }) => socket.emitWithAck('message', 'hi')))
    expect(clients.map(({ socket }) => socket.id)).toEqual(ids)
  })

  test('new sessions reach the replicas that have come, and those of replicas that go move on', async () => {
    const known = new Set((await sessionsOf()).map(({ id }) => id))
    const added = (await containers()).filter(id => !known.has(id))
    expect(added).toHaveLength(2)
    const clients: IoClient[] = []
    const servedByAdded = async () => {
      // NGINX asks for the addresses of the replicas once a second.
      clients.push(...(await connectReconnecting(['polling'])))
      const ids = new Set((await sessionsOf()).map(({ id }) => id))
      return added.filter(id => ids.has(id))
    }
    await expect.poll(servedByAdded).toEqual(added)
    await stack.compose('up', '-d', '--no-recreate', '--scale', 'server=1', '--wait')
    const answers = await Promise.all(
      clients.map(({ socket }) =>
        vi.waitFor(() => socket.timeout(2000).emitWithAck('message', 'still'), { timeout: 30_000, interval: 100 }),
      ),
    )
    expect(answers).toEqual(clients.map(() => '[RE]: still'))
    expect(await containers()).toHaveLength(1)
  })
})
