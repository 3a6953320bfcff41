import { GenericContainer, type StartedTestContainer, Wait } from 'testcontainers'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, inject, test } from 'vitest'
import { createReconnectingClient } from './reconnecting-client.ts'

const image = process.env.ECHO_IMAGE ?? 'ghcr.io/this--checkout/websocket-echo-server'

// Skipped, and said so, where there is no Docker engine.
describe.skipIf(!inject('stack'))('a client that reconnects', () => {
  let echo: StartedTestContainer
  let url: string
  let control: string

  beforeAll(async () => {
    echo = await new GenericContainer(image)
      .withEnvironment({ CONTROL_PORT: '7778', CONTROL_HOST: '0.0.0.0', JOURNAL_SIZE: '1MiB' })
      .withExposedPorts(7777, 7778)
      .withWaitStrategy(Wait.forHealthCheck())
      .start()
    url = `ws://${echo.getHost()}:${echo.getMappedPort(7777)}`
    control = `http://${echo.getHost()}:${echo.getMappedPort(7778)}`
  })
  afterAll(() => echo.stop())

  const setFaults = (faults: object) =>
    fetch(`${control}/faults`, {
      method: 'PUT',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify(faults),
    })

  let client: ReturnType<typeof createReconnectingClient>
  let replies: string[]

  beforeEach(async () => {
    await setFaults({})
    replies = []
  })
  afterEach(() => client.close())

  const start = () => {
    client = createReconnectingClient(url, { onReply: text => replies.push(text), retryDelay: 50, patience: 500 })
  }
  const replied = (...texts: string[]) =>
    expect.poll(() => replies, { timeout: 10_000 }).toEqual(texts.map(text => `[RE]: ${text}`))

  test.for([
    { close: 1011, after: 1 },
    { drop: 'fin', after: 1 },
    { drop: 'rst', after: 1 },
    { stall: true, after: 1 },
  ])('gets every message answered although the server has %o', async faults => {
    await setFaults(faults)
    start()
    for (const text of ['one', 'two', 'three']) client.send(text)
    await replied('one', 'two', 'three')
  })

  test('tries again until it is let in', async () => {
    await setFaults({ reject: 503 })
    start()
    client.send('hello')
    const metrics = async () => (await fetch(`${control}/metrics`)).text()
    await expect.poll(metrics).toMatch(/^websocket_handshakes_total\{outcome="asked"\} [2-9]$/m)
    await setFaults({})
    await replied('hello')
  })

  test('comes back when it is kicked', async () => {
    start()
    client.send('before')
    await replied('before')
    const { connections } = await (await fetch(`${control}/connections`)).json()
    const { id } = connections.at(-1)
    await fetch(`${control}/connections/${id}?code=1012`, { method: 'DELETE' })
    client.send('after')
    await replied('before', 'after')

    const { messages } = await (await fetch(`${control}/messages?connection=${id}`)).json()
    expect(messages).toMatchObject([
      { opcode: 'text', text: 'before' },
      { opcode: 'close', code: 1012 },
    ])
  })
})
