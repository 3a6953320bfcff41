import { once } from 'node:events'
import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { WebSocketServer, type WebSocket as WsSocket } from 'ws'
import { describeEvent } from '../../client/core/line.ts'
import { createSession, type RepeatState, type Session } from '../../client/core/session.ts'

let http: Server
let server: WebSocketServer
let host: string
let session: Session
let answer: RequestListener
let repeats: (RepeatState | undefined)[]

/** The lines of the log so far. */
const lines = () => session.log.entries.map(({ event }) => describeEvent(event).text)

/** Resolves when the log has this many lines that match. */
function logged(pattern: RegExp, count = 1): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  const check = () => lines().filter(line => pattern.test(line)).length >= count && resolve()
  session.log.onChange(check)
  check()
  return promise
}

beforeEach(async () => {
  answer = (_, response) => response.writeHead(426).end()
  http = createServer((request, response) => answer(request, response)).listen(0, '127.0.0.1')
  await once(http, 'listening')
  host = `127.0.0.1:${(http.address() as AddressInfo).port}`
  server = new WebSocketServer({ server: http })
  repeats = []
  session = createSession({ onState: () => {}, onRepeat: state => repeats.push(state) }, 'http://page.example')
})

afterEach(() => {
  session.disconnect(1000, '')
  for (const peer of server.clients) peer.terminate()
  http.closeAllConnections()
  http.close()
})

async function connect(): Promise<WsSocket> {
  const accepted = once(server, 'connection')
  session.connect(host, [])
  const [peer] = await accepted
  await logged(/^Connected/)
  return peer
}

test('connects to an address without a scheme', async () => {
  await connect()
  expect(session.facts().url).toBe(`ws://${host}/`)
})

test('says which address cannot be read, and stays connected', async () => {
  await connect()
  session.connect('ws://h:99999/', [])
  expect(lines().at(-1)).toContain('The port 99999 is too high')
  expect(session.send('still here')).toBe(true)
})

test('reconnects to the server that was connected, although a wrong address was typed since', async () => {
  session.setReconnect(true)
  const peer = await connect()
  session.connect('ws://h:99999/', [])
  peer.terminate()
  await logged(/^Server disconnected/)
  session.retryNow()
  await logged(/^Connected/, 2)
})

test('says that you closed the connection', async () => {
  await connect()
  session.disconnect(1000, '')
  await logged(/^Server disconnected… because you closed the connection \(code 1000/)
})

test('passes on and counts the messages received on all connections', async () => {
  const messages: unknown[] = []
  session = createSession({ onState: () => {}, onReceived: message => messages.push(message) }, 'http://page.example')
  server.on('connection', peer => peer.send('hello'))
  for (const count of [1, 2]) {
    session.connect(host, [])
    await logged(/^Received/, count)
  }
  expect(messages).toEqual(['hello', 'hello'])
  expect(session.received).toBe(2)
})

test('passes on why a handshake failed', async () => {
  const { promise, resolve } = Promise.withResolvers<string>()
  session = createSession({ onState: () => {}, onAnswer: resolve }, 'http://page.example')
  answer = (_, response) => response.writeHead(403).end()
  server.shouldHandle = () => false
  session.connect(host, [])
  expect(await promise).toContain('403 Forbidden')
})

describe('when the page is left', () => {
  test('the connection ends, and is made again when the page comes back', async () => {
    const peer = await connect()
    const closed = once(peer, 'close')
    session.suspend()
    await closed
    session.resume()
    await logged(/^Connected/, 2)
    expect(lines()).toEqual([
      'Connected to the websocket server…',
      'Server disconnected… because you left the page',
      'Connected to the websocket server…',
    ])
  })

  test('a connection that you had closed stays closed', async () => {
    await connect()
    session.disconnect(1000, '')
    await logged(/^Server disconnected… because you closed/)
    session.suspend()
    session.resume()
    expect(lines()).toHaveLength(2)
  })
})

test('retries that fail are one line that counts them, and each reason is explained once', async () => {
  const peer = await connect()
  session.setReconnect(true)
  server.shouldHandle = () => false
  const statuses = [403, 403, 503]
  answer = (_, response) => response.writeHead(statuses.shift() ?? 500).end()
  peer.terminate()
  await logged(/^Server disconnected/)
  for (const [i, reason] of [/403/, /403/, /503/].entries()) {
    const explained = once(http, 'request')
    session.retryNow()
    await logged(i === 0 ? /^Error: could not connect to [^(]+$/ : new RegExp(`\\(${i + 1} attempts\\)$`))
    await explained
    await logged(reason)
  }
  expect(lines().filter(line => line.startsWith('Error: could not connect'))).toHaveLength(1)
  expect(lines().filter(line => line.includes('403 Forbidden'))).toHaveLength(1)
})

test('an attempt that you make yourself has a line of its own', async () => {
  server.shouldHandle = () => false
  for (const count of [1, 2]) {
    session.connect(host, [])
    await logged(/^Error: could not connect/, count)
  }
  expect(lines().filter(line => line.includes('attempts'))).toEqual([])
})

describe('a repetition', () => {
  const once3 = { count: 3, interval: 0, inFlight: 0, create: (number: number) => `#${number}` }
  const echo = (peer: WsSocket) => peer.on('message', (data, isBinary) => peer.send(data, { binary: isBinary }))

  test('sends each message, and says how it ended', async () => {
    echo(await connect())
    session.startRepeat({ ...once3, isAtConnect: false })
    await logged(/^Repeat done: 3 sent, 3 answered in/)
    const sent = session.log.entries.flatMap(({ event }) => (event.type === 'sent' ? [event.message] : []))
    expect(sent).toEqual(['#1', '#2', '#3'])
    expect(repeats.at(-1)).toBeUndefined()
  })

  test('at connect waits, starts with each connection, and ends when it is stopped', async () => {
    session.startRepeat({ ...once3, isAtConnect: true })
    expect(repeats).toEqual([{ sent: 0, answered: 0, count: 3, isWaiting: true }])
    server.on('connection', echo)
    await connect()
    await logged(/^Repeat done: 3 sent/)
    expect(repeats.at(-1)).toMatchObject({ sent: 3, isWaiting: true })
    session.connect(host, [])
    await logged(/^Repeat done: 3 sent/, 2)
    session.stopRepeat()
    expect(repeats.at(-1)).toBeUndefined()
    session.connect(host, [])
    await logged(/^Connected/, 3)
    expect(lines().at(-1)).toMatch(/^Connected/)
  })

  test('ends when no message can be created, or the connection is lost', async () => {
    const peer = await connect()
    session.startRepeat({ ...once3, isAtConnect: false, create: number => (number < 3 ? 'a' : undefined) })
    await logged(/^Repeat stopped: 2 sent, 0 answered/)
    session.startRepeat({ ...once3, isAtConnect: false, count: Number.POSITIVE_INFINITY, interval: 10 })
    peer.terminate()
    await logged(/^Repeat stopped/, 2)
    expect(repeats.at(-1)).toBeUndefined()
  })

  test('replaces another that is running', async () => {
    await connect()
    session.startRepeat({ ...once3, isAtConnect: true })
    session.startRepeat({ ...once3, isAtConnect: false })
    expect(lines().filter(line => line.startsWith('Repeat stopped'))).toHaveLength(1)
    session.stopRepeat()
    expect(lines().filter(line => line.startsWith('Repeat stopped'))).toHaveLength(2)
    expect(repeats.at(-1)).toBeUndefined()
  })
})
