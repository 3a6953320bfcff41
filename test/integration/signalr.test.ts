import { HttpTransportType, HubConnectionBuilder, type IHttpConnectionOptions, LogLevel } from '@microsoft/signalr'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import type { Environment } from '../../server/config/config.ts'
import type { ServerOptions } from '../../server/http/server.ts'
import { serve } from './serve.ts'

const { WebSockets, ServerSentEvents, LongPolling } = HttpTransportType

const ways: [name: string, options: IHttpConnectionOptions][] = [
  ['WebSockets', { transport: WebSockets }],
  ['WebSockets without negotiation', { transport: WebSockets, skipNegotiation: true }],
  ['server-sent events', { transport: ServerSentEvents }],
  ['long polling', { transport: LongPolling }],
]

/** Starts a server, and builds a client of its hub that stops at the end of the test. */
async function build(
  options: IHttpConnectionOptions = {},
  query = '',
  env: Environment = {},
  serverOptions: Partial<ServerOptions> = {},
) {
  const server = await serve(env, serverOptions)
  const client = new HubConnectionBuilder()
    .withUrl(`${server.http}signalr${query}`, options)
    .withAutomaticReconnect([0, 0, 100])
    .configureLogging(LogLevel.None)
    .build()
  onTestFinished(() => client.stop())
  return { ...server, client }
}

const lines = (log: Record<string, unknown>[], msg: string) => log.filter(line => line.msg === msg)

/** Resolves with the items of a stream. */
const itemsOf = (stream: { subscribe(to: object): unknown }) =>
  new Promise<unknown[]>((resolve, reject) => {
    const items: unknown[] = []
    stream.subscribe({ next: (item: unknown) => items.push(item), complete: () => resolve(items), error: reject })
  })

describe.each(ways)('over %s', (_, options) => {
  test('a method returns its first argument, and calls the handler of the client', async () => {
    const { client, log } = await build(options)
    const handler = vi.fn()
    client.on('Send', handler)
    await client.start()
    expect(await client.invoke('Send', 'hello', { a: [1] })).toBe('[RE]: hello')
    expect(handler).toHaveBeenCalledExactlyOnceWith('hello', { a: [1] })
    await client.stop()
    await expect.poll(() => lines(log, 'Disconnected')).toHaveLength(1)
    expect(lines(log, 'Connected!')).toMatchObject([{ protocol: 'signalr', path: '/signalr' }])
  })

  test('hundreds of methods at once are answered', async () => {
    const { client } = await build(options)
    await client.start()
    const results = await Promise.all(Array.from({ length: 300 }, (_, i) => client.invoke('x', i)))
    expect(results).toEqual(Array.from({ length: 300 }, (_, i) => i))
  })

  test('large arguments come back', async () => {
    const { client } = await build(options)
    await client.start()
    const text = 'é'.repeat(400_000)
    expect(await client.invoke('x', text)).toBe(`[RE]: ${text}`)
  })

  test('a stream counts', async () => {
    const { client } = await build(options)
    await client.start()
    expect(await itemsOf(client.stream('Counter', 5, 1))).toEqual([0, 1, 2, 3, 4])
    expect(await itemsOf(client.stream('Counter', 200, 0))).toHaveLength(200)
    await expect(itemsOf(client.stream('Other'))).rejects.toThrow('the only stream is Counter(count, delay)')
  })

  test('after close, the client reconnects on its own', async () => {
    const { client, log } = await build(options, '?close=1011&reason=enough&after=2&times=1')
    const reconnecting = vi.fn()
    const reconnected = vi.fn()
    client.onreconnecting(reconnecting)
    client.onreconnected(reconnected)
    await client.start()
    expect(await client.invoke('x', 1)).toBe(1)
    expect(await client.invoke('x', 2)).toBe(2)
    await expect.poll(() => reconnected).toHaveBeenCalledOnce()
    expect(String(reconnecting.mock.calls[0]?.[0])).toContain('enough')
    expect(await client.invoke('x', 3)).toBe(3)
    expect(lines(log, 'Disconnected')).toMatchObject([{ code: 1011 }])
  })

  test.each(['fin', 'rst'])('after drop=%s, the client reconnects on its own', async how => {
    const { client } = await build(options, `?drop=${how}&after=1&times=1`)
    const reconnected = vi.fn()
    client.onreconnected(reconnected)
    await client.start()
    expect(await client.invoke('x', 1)).toBe(1)
    await expect.poll(() => reconnected).toHaveBeenCalledOnce()
    expect(await client.invoke('x', 2)).toBe(2)
  })

  test('close=1000 ends the client for good', async () => {
    const { client } = await build(options, '?close=1000&after=1')
    const closed = new Promise(resolve => client.onclose(resolve))
    await client.start()
    await client.invoke('x', 1)
    expect(await closed).toBeUndefined()
  })

  test('delay makes results late, and loss=1 loses them all', async () => {
    const { client } = await build(options, '?delay=50ms')
    await client.start()
    const before = performance.now()
    await client.invoke('x', 1)
    expect(performance.now() - before).toBeGreaterThan(45)
    const lossy = await build(options, '?loss=1')
    await lossy.client.start()
    const handler = vi.fn()
    lossy.client.on('x', handler)
    await lossy.client.send('x', 1)
    expect(await itemsOf(lossy.client.stream('Counter', 2, 0))).toEqual([0, 1])
    expect(handler).not.toHaveBeenCalled()
  })

  test('reject refuses the first attempts', async () => {
    const { client, log } = await build(options, '?reject=503&times=1')
    await expect(client.start()).rejects.toThrow()
    await client.start()
    expect(await client.invoke('x', 1)).toBe(1)
    expect(lines(log, 'Refused a handshake')).toMatchObject([{ status: 503, reason: 'asked' }])
  })

  test('a stalled server goes silent, and its client gives up', async () => {
    const { client, registry, log } = await build(options, '?stall&after=1&times=1', {}, { signalrPing: 300 })
    client.serverTimeoutInMilliseconds = 900
    const onReconnecting = new Promise<Error | undefined>(resolve => client.onreconnecting(resolve))
    await client.start()
    expect(await client.invoke('x', 1)).toBe(1)
    if (options.transport !== LongPolling)
      return expect(String(await onReconnecting)).toContain('Server timeout elapsed')
    // A client of long polling has no timeout of its own.
    const result = client.invoke('x', 2)
    await expect.poll(() => lines(log, 'Triggered a fault')).toHaveLength(1)
    expect([...registry][0]?.dismiss(4000, 'enough')).toBe(true)
    await expect(result).rejects.toThrow()
    expect(String(await onReconnecting)).toContain('enough')
  })

  test('pings keep an idle client', async () => {
    const { client, registry } = await build(options, '', {}, { signalrPing: 300 })
    client.serverTimeoutInMilliseconds = 2000
    client.keepAliveIntervalInMilliseconds = 100
    const reconnecting = vi.fn()
    client.onreconnecting(reconnecting)
    await client.start()
    // By then, the client would have given up without them, and the server without the pings or polls of the client.
    await expect.poll(() => [...registry][0]?.traffic.sent.texts).toBeGreaterThan(8)
    expect(await client.invoke('x', 1)).toBe(1)
    expect(reconnecting).not.toHaveBeenCalled()
  })

  test('a server that shuts down says so', async () => {
    const { client, server } = await build(options, '?loss=1')
    const onReconnecting = new Promise<Error | undefined>(resolve => client.onreconnecting(resolve))
    await client.start()
    // By the time that this is sent, a client of long polling has sent a poll, which stays open.
    await client.send('x', 1)
    await server.close()
    expect(String(await onReconnecting)).toContain('The server is shutting down')
  })

  test('the control port lists, pushes and closes', async () => {
    const { client, control } = await build(options, '?test-id=a', { CONTROL_PORT: '0' })
    const pushed = vi.fn()
    client.on('message', pushed)
    const onReconnecting = new Promise<Error | undefined>(resolve => client.onreconnecting(resolve))
    await client.start()
    await client.invoke('x', 1)
    const { connections } = await (await fetch(`${control}connections`)).json()
    expect(connections).toMatchObject([{ protocol: 'signalr', path: '/signalr', query: 'test-id=a', testId: 'a' }])
    const headers = { 'Content-Type': 'text/plain' }
    const answer = await fetch(`${control}messages`, { method: 'POST', body: 'pushed', headers })
    expect(await answer.json()).toEqual({ sent: 1, skipped: 0 })
    await expect.poll(() => pushed).toHaveBeenCalledExactlyOnceWith('pushed')
    await fetch(`${control}connections?code=4000&reason=bye`, { method: 'DELETE' })
    expect(String(await onReconnecting)).toContain('bye')
  })
})

test('a stream that the client leaves is cancelled', async () => {
  const { client, registry } = await build()
  await client.start()
  const first = Promise.withResolvers()
  const subscription = client.stream('Counter', 1_000_000, 0).subscribe({
    next: first.resolve,
    complete() {},
    error: first.reject,
  })
  expect(await first.promise).toBe(0)
  subscription.dispose()
  expect(await client.invoke('x', 1)).toBe(1)
  const sent = [...registry][0]?.traffic.sent.texts
  expect(await client.invoke('x', 2)).toBe(2)
  expect([...registry][0]?.traffic.sent.texts).toBe((sent ?? 0) + 1)
})
