// Usage: npm i -D vitest testcontainers && ECHO_IMAGE=<the image of the echo server> npx vitest run
import { GenericContainer, type StartedTestContainer, Wait } from 'testcontainers'
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { createReconnectingClient } from './reconnecting-client.ts'

const image = process.env.ECHO_IMAGE
if (!image) throw new Error('Set ECHO_IMAGE to the name of the echo server’s image, as `docker images` shows it.')

describe('a reconnecting client', { timeout: 30_000 }, () => {
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
    return () => echo.stop()
  }, 120_000)

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
    await fetch(`${control}/messages`, { method: 'DELETE' })
    replies = []
  })
  afterEach(() => client.close())

  const start = () => {
    client = createReconnectingClient(url, { onReply: text => replies.push(text), retryDelay: 50, replyTimeout: 500 })
  }
  const expectReplies = (...texts: string[]) =>
    expect.poll(() => replies, { timeout: 10_000 }).toEqual(texts.map(text => `[RE]: ${text}`))

  test.for([
    { close: 1011, after: 1 },
    { drop: 'fin', after: 1 },
    { drop: 'rst', after: 1 },
    { stall: true, after: 1 },
  ])('gets a reply to every message when the server’s faults are %o', async faults => {
    await setFaults(faults)
    start()
    for (const text of ['one', 'two', 'three']) client.send(text)
    await expectReplies('one', 'two', 'three')
  })

  test('retries until the server accepts the handshake', async () => {
    await setFaults([{ reject: 503, times: 2 }, {}])
    start()
    client.send('hello')
    await expectReplies('hello')
    const { faults } = await (await fetch(`${control}/messages`)).json()
    expect(faults).toMatchObject([{ fault: 'reject=503' }, { fault: 'reject=503' }])
  })

  test('reconnects after the server has closed its connection', async () => {
    start()
    client.send('before')
    await expectReplies('before')
    const { connections } = await (await fetch(`${control}/connections`)).json()
    const { id } = connections.at(-1)
    await fetch(`${control}/connections/${id}?code=1012`, { method: 'DELETE' })
    client.send('after')
    await expectReplies('before', 'after')

    const { messages } = await (await fetch(`${control}/messages?connection=${id}`)).json()
    expect(messages).toMatchObject([
      { opcode: 'text', text: 'before' },
      { opcode: 'close', code: 1012 },
    ])
  })
})
