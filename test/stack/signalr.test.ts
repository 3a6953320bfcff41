import { HttpTransportType, HubConnectionBuilder, type IHttpConnectionOptions, LogLevel } from '@microsoft/signalr'
import { beforeAll, describe, expect, inject, onTestFinished, test, vi } from 'vitest'
import { docker, startStack } from './stack.ts'

const { WebSockets, ServerSentEvents, LongPolling } = HttpTransportType

const CLIENTS = 12

const ways: [name: string, options: IHttpConnectionOptions][] = [
  ['WebSockets', { transport: WebSockets }],
  ['WebSockets without negotiation', { transport: WebSockets, skipNegotiation: true }],
  ['server-sent events', { transport: ServerSentEvents }],
  ['long polling', { transport: LongPolling }],
]

/** Starts clients of the hub, which stop at the end of the test. */
const startClients = (url: string, options: IHttpConnectionOptions) =>
  Promise.all(
    Array.from({ length: CLIENTS }, async () => {
      const client = new HubConnectionBuilder()
        .withUrl(url, options)
        .withAutomaticReconnect(Array(50).fill(100))
        .configureLogging(LogLevel.None)
        .build()
      onTestFinished(() => client.stop())
      await client.start()
      return client
    }),
  )

describe.skipIf(!inject('stack'))('SignalR on three replicas', () => {
  let stack: Awaited<ReturnType<typeof startStack>>
  beforeAll(async () => {
    stack = await startStack({ replicas: 3 })
    return () => stack.down()
  })
  const hubOn = (port: 'page' | 'ws') => `${stack[port].replace(/^ws/, 'http')}signalr`

  describe.each(['page', 'ws'] as const)('on the port of the %s', port => {
    test.for(ways)('twelve clients over %s all work', async ([, options]) => {
      const clients = await startClients(hubOn(port), options)
      for (let i = 0; i < 5; i++) {
        const results = await Promise.all(clients.map(client => client.invoke('Send', `${i}`)))
        expect(results).toEqual(clients.map(() => `[RE]: ${i}`))
      }
    })
  })

  test.for(ways)('clients over %s whose replica is killed reconnect to another', async ([, options]) => {
    const clients = await startClients(hubOn('ws'), options)
    const killed = stack.servers[0]?.getId() ?? ''
    await docker('kill', killed)
    try {
      for (const client of clients) {
        await vi.waitFor(async () => expect(await client.invoke('x', 1)).toBe(1), { timeout: 30_000, interval: 100 })
      }
    } finally {
      await docker('start', killed)
      const health = () => docker('inspect', '-f', '{{.State.Health.Status}}', killed)
      await expect.poll(health, { timeout: 30_000 }).toBe('healthy\n')
    }
  })

  test('the sessions were spread over all replicas', async () => {
    for (const server of stack.servers) {
      const lines = (await docker('logs', server.getId())).split('\n')
      const opened = lines.filter(line => line.includes('"Connected!"') && line.includes('"protocol":"signalr"'))
      expect(opened.length).toBeGreaterThanOrEqual(CLIENTS)
    }
  })
})
