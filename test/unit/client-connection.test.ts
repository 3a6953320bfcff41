import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { WebSocketServer, type WebSocket as WsSocket } from 'ws'
import {
  type Connection,
  type ConnectionEvent,
  type ConnectionState,
  createConnection,
} from '../../client/core/connection.ts'

const connected = {
  type: 'connected',
  url: expect.stringMatching(/^ws:\/\/127\.0\.0\.1:\d+\/ws/),
  protocol: '',
  extensions: '',
}

let server: WebSocketServer
let address: string
let connection: Connection
let states: ConnectionState[]
let events: ConnectionEvent[]
let listener: EventTarget

/** Resolves when an event has happened `count` times. */
async function happened(type: ConnectionEvent['type'], count = 1): Promise<void> {
  while (events.filter(event => event.type === type).length < count) {
    await once(listener, 'event')
  }
}

async function connectTo(where: string): Promise<WsSocket> {
  const accepted = once(server, 'connection')
  const before = events.filter(event => event.type === 'connected').length
  connection.connect(where)
  const [peer] = await accepted
  await happened('connected', before + 1)
  return peer
}

/** Records events from now on. */
function record() {
  const recorded = { states: [] as ConnectionState[], events: [] as ConnectionEvent[], listener: new EventTarget() }
  ;({ states, events, listener } = recorded)
  return {
    onState: (state: ConnectionState) => recorded.states.push(state),
    onEvent: (event: ConnectionEvent) => {
      recorded.events.push(event)
      recorded.listener.dispatchEvent(new Event('event'))
    },
  }
}

beforeEach(async () => {
  server = new WebSocketServer({ port: 0, host: '127.0.0.1' })
  await once(server, 'listening')
  address = `ws://127.0.0.1:${(server.address() as AddressInfo).port}/ws`
  server.on('connection', peer => {
    peer.on('message', (data, isBinary) => peer.send(isBinary ? data : `[RE]: ${data}`, { binary: isBinary }))
  })

  connection = createConnection(record())
})

afterEach(() => {
  connection.disconnect()
  for (const peer of server.clients) peer.terminate()
  server.close()
})

test('goes from connecting to connected', async () => {
  await connectTo(address)
  expect(states).toEqual(['connecting', 'connected'])
  expect(events).toEqual([connected])
})

test('sends messages, including an empty one, and receives the replies', async () => {
  await connectTo(address)
  expect(connection.send('hello')).toBe(true)
  expect(connection.send('')).toBe(true)
  await happened('received', 2)
  expect(events.filter(event => event.type === 'sent').map(event => event.message)).toEqual(['hello', ''])
  expect(events.filter(event => event.type === 'received').map(event => event.message)).toEqual([
    '[RE]: hello',
    '[RE]: ',
  ])
})

test('reports that it is connected before a message that is sent at once', async () => {
  const { onState, ...recorded } = record()
  connection = createConnection({
    ...recorded,
    onState(state) {
      onState(state)
      if (state === 'connected') connection.send('at once')
    },
  })
  await connectTo(address)
  await happened('sent')
  expect(events.slice(0, 2)).toEqual([connected, { type: 'sent', message: 'at once' }])
})

test('receives a binary message as its bytes', async () => {
  const peer = await connectTo(address)
  peer.send(Buffer.from([0, 255]))
  await happened('received')
  expect(events.at(-1)).toEqual({ type: 'received', message: Uint8Array.of(0, 255) })
})

test('disconnects with code 1000', async () => {
  const peer = await connectTo(address)
  const closed = once(peer, 'close')
  connection.disconnect()
  await happened('disconnected')
  expect((await closed)[0]).toBe(1000)
  expect(states).toEqual(['connecting', 'connected', 'closing', 'disconnected'])
  expect(events.at(-1)).toEqual({ type: 'disconnected', code: 1000, reason: '', sentCode: 1000 })
})

test('reports which code was sent when the server answers with another', async () => {
  await connectTo(address)
  // The server's own close crosses the client's.
  for (const peer of server.clients) peer.on('close', () => {}).close(4001, 'mine')
  connection.disconnect(4000, 'yours')
  await happened('disconnected')
  expect(events.at(-1)).toEqual({ type: 'disconnected', code: 4001, reason: 'mine', sentCode: 4000 })
})

test('reports that the server sent no close frame in answer', async () => {
  const peer = await connectTo(address)
  peer.pause()
  connection.disconnect(4000)
  peer.terminate()
  await happened('disconnected')
  expect(events.at(-1)).toEqual({ type: 'disconnected', code: 1006, reason: '', sentCode: 4000 })
})

test('reports that connecting was cancelled', async () => {
  const silent = createServer().listen(0, '127.0.0.1')
  await once(silent, 'listening')
  const url = `ws://127.0.0.1:${(silent.address() as AddressInfo).port}/`
  const asked = once(silent, 'upgrade')
  connection.connect(url)
  await asked
  connection.disconnect()
  await happened('cancelled')
  silent.close()
  expect(events).toEqual([{ type: 'cancelled', url }])
  expect(states.at(-1)).toBe('disconnected')
})

test('closes at once when the page is left, and can connect again', async () => {
  expect(connection.leave()).toBe(false)
  const peer = await connectTo(address)
  const closed = once(peer, 'close')
  expect(connection.leave()).toBe(true)
  expect(events).toEqual([connected, { type: 'left' }])
  expect(states).toEqual(['connecting', 'connected', 'disconnected'])
  await closed
  await connectTo(address)
  expect(events).toEqual([connected, { type: 'left' }, connected])
})

test('reveals no user name or password', async () => {
  const bare = address
  server.close()
  await once(server, 'close')
  connection.connect(bare.replace('ws://', 'ws://user:secret@'))
  await happened('refused')
  expect(events).toEqual([{ type: 'refused', url: bare }])
  expect(connection.facts().url).toBe(bare)
})

test('reports the close code and reason of the server', async () => {
  const peer = await connectTo(address)
  peer.close(1001, 'going away')
  await happened('disconnected')
  expect(events.at(-1)).toEqual({ type: 'disconnected', code: 1001, reason: 'going away' })
})

test('reports 1005 when the server sends no code', async () => {
  const peer = await connectTo(address)
  peer.close()
  await happened('disconnected')
  expect(events.at(-1)).toEqual({ type: 'disconnected', code: 1005, reason: '' })
})

test('reports 1006 when the server sends no close frame', async () => {
  const peer = await connectTo(address)
  peer.terminate()
  await happened('disconnected')
  expect(events.at(-1)).toEqual({ type: 'disconnected', code: 1006, reason: '' })
})

test('reconnects after a disconnect', async () => {
  await connectTo(address)
  connection.disconnect()
  await happened('disconnected')
  await connectTo(address)
  connection.send('again')
  await happened('received')
  expect(events.at(-1)).toEqual({ type: 'received', message: '[RE]: again', roundTrip: expect.any(Number) })
})

test('sends a close frame on a replaced socket, and ignores its later events', async () => {
  const peer = await connectTo(address)
  const closed = once(peer, 'close')
  peer.send('too late')
  await connectTo(`${address}?second`)
  expect((await closed).map(String)).toEqual(['1000', 'replaced by a new connection'])

  connection.send('hello')
  await happened('received')
  expect(events).toEqual([
    connected,
    { type: 'replaced', url: `${address}?second` },
    connected,
    { type: 'sent', message: 'hello' },
    { type: 'received', message: '[RE]: hello', roundTrip: expect.any(Number) },
  ])
  expect(states).toEqual(['connecting', 'connected', 'connecting', 'connected'])
})

test('sends nothing before, between or after connections', async () => {
  expect(connection.send('before')).toBe(false)
  connection.connect(address)
  expect(connection.send('connecting')).toBe(false)
  await happened('connected')
  connection.disconnect()
  expect(connection.send('closing')).toBe(false)
  await happened('disconnected')
  expect(connection.send('after')).toBe(false)
  expect(events.some(event => event.type === 'sent')).toBe(false)
})

test('ignores a disconnect without a connection', () => {
  connection.disconnect()
  expect(states).toEqual([])
  expect(events).toEqual([])
})

describe('an invalid address', () => {
  test.each(['', 'http//x', 'ftp://127.0.0.1/ws', 'ws://127.0.0.1/ws#fragment', 'ws://127.0.0.1/ws#', 'ws://'])(
    'is reported once, and a valid one works afterwards: %j',
    async bad => {
      connection.connect(bad)
      expect(events).toEqual([
        { type: 'error', problem: expect.stringContaining(`"${bad}" is not a WebSocket address`) },
      ])
      expect(states).toEqual([])
      await connectTo(address)
    },
  )

  test('is reported with its fault', () => {
    connection.connect('ws://h:99999/')
    connection.connect('localhost:7777')
    expect(events.map(event => 'problem' in event && event.problem)).toEqual([
      '"ws://h:99999/" is not a WebSocket address. The port 99999 is too high: the highest is 65535.',
      '"localhost:7777" is not a WebSocket address. Did you mean ws://localhost:7777/?',
    ])
  })

  test('leaves the current connection open', async () => {
    await connectTo(address)
    connection.connect('http//x')
    expect(connection.send('still here')).toBe(true)
    await happened('received')
    expect(events.at(-1)).toEqual({ type: 'received', message: '[RE]: still here', roundTrip: expect.any(Number) })
  })
})

test('reports the address of a failed handshake', async () => {
  server.close()
  await once(server, 'close')
  connection.connect(address)
  await happened('refused')
  expect(events).toEqual([{ type: 'refused', url: address }])
  expect(states).toEqual(['connecting', 'disconnected'])
})

describe('subprotocols', () => {
  test('are offered in order, and the chosen one is reported', async () => {
    const offered = once(server, 'headers').then(([, request]) => request.headers['sec-websocket-protocol'])
    connection.connect(address, ['chat.v2', 'chat'])
    await happened('connected')
    expect(await offered).toMatch(/^chat\.v2, ?chat$/)
    expect(events).toEqual([{ ...connected, protocol: 'chat.v2' }])
  })

  test.each([
    [['chat', 'two words'], '"two words"'],
    [['a,b'], '"a,b"'],
    [[''], '""'],
    [['é'], '"é"'],
    [['chat', 'other', 'chat'], '"chat" is offered twice'],
  ])('that are invalid are reported, and the connection stays open: %j', async (bad, words) => {
    await connectTo(address)
    connection.connect(address, bad)
    expect(events).toEqual([connected, { type: 'error', problem: expect.stringContaining(words) }])
    expect(connection.send('still here')).toBe(true)
  })
})

test('sends a binary message as its bytes', async () => {
  const peer = await connectTo(address)
  const got = once(peer, 'message')
  const message = Uint8Array.of(0, 255)
  connection.send(message)
  expect(await got).toEqual([Buffer.from(message), true])
  expect(events.at(-1)).toEqual({ type: 'sent', message })
})

test('disconnects with a code and reason', async () => {
  const peer = await connectTo(address)
  const closed = once(peer, 'close')
  connection.disconnect(4000, 'enough')
  const [code, reason] = await closed
  expect([code, String(reason)]).toEqual([4000, 'enough'])
})

test.each([
  [1001, ''],
  [1000, 'a'.repeat(124)],
])('reports an invalid close and stays connected: %d %j', async (code, reason) => {
  await connectTo(address)
  connection.disconnect(code, reason)
  expect(events).toEqual([connected, { type: 'error', problem: expect.stringMatching(/./) }])
  expect(states).toEqual(['connecting', 'connected'])
  expect(connection.send('still here')).toBe(true)
})

describe('measures round trips', () => {
  beforeEach(() => {
    let time = 0
    connection = createConnection(record(), WebSocket, () => (time += 5))
  })

  const times = () => events.flatMap(event => (event.type === 'received' ? [event.roundTrip] : []))

  test('until a message matches none that was sent', async () => {
    const peer = await connectTo(address)
    connection.send('a')
    await happened('received')
    connection.send(Uint8Array.of(1))
    await happened('received', 2)
    expect(times()).toEqual([5, 5])

    peer.send('pushed')
    await happened('received', 3)
    connection.send('b')
    await happened('received', 4)
    expect(times()).toEqual([5, 5, undefined, undefined])
  })

  test('again on each new connection', async () => {
    const peer = await connectTo(address)
    peer.send('pushed')
    await happened('received')
    await connectTo(address)
    connection.send('a')
    await happened('received', 2)
    expect(times()).toEqual([undefined, 5])
  })
})

describe('the facts', () => {
  const none = { messages: 0, bytes: 0 }

  test('are empty before the first connection', () => {
    expect(connection.facts()).toEqual({
      url: '',
      since: undefined,
      protocol: '',
      extensions: '',
      sent: none,
      received: none,
      bufferedAmount: 0,
    })
  })

  test('describe the latest connection, even after it has ended', async () => {
    const before = Date.now()
    connection.connect(address, ['chat'])
    expect(connection.facts()).toMatchObject({ url: address, since: undefined, protocol: '' })
    await happened('connected')
    connection.send('é')
    connection.send(new Uint8Array(10))
    await happened('received', 2)
    connection.disconnect()
    await happened('disconnected')

    const facts = connection.facts()
    expect(facts).toMatchObject({
      url: address,
      protocol: 'chat',
      sent: { messages: 2, bytes: 12 },
      received: { messages: 2, bytes: 18 },
      bufferedAmount: 0,
    })
    expect(facts.since).toBeGreaterThanOrEqual(before)
    expect(facts.since).toBeLessThanOrEqual(Date.now())

    connection.connect(`${address}?second`)
    expect(connection.facts()).toMatchObject({ url: `${address}?second`, since: undefined, sent: none, received: none })
  })

  test('include the bytes that are queued', async () => {
    const peer = await connectTo(address)
    expect(connection.facts().bufferedAmount).toBe(0)
    peer.pause()
    connection.send(new Uint8Array(1000))
    expect(connection.facts().bufferedAmount).toBeGreaterThanOrEqual(1000)
  })

  test('include the bytes that were never sent, after the connection has ended', async () => {
    // Browsers keep the amount; Node resets it to 0.
    class Unsent extends WebSocket {
      override get bufferedAmount() {
        return 5
      }
    }
    connection = createConnection(record(), Unsent)
    const peer = await connectTo(address)
    peer.terminate()
    await happened('disconnected')
    expect(connection.facts().bufferedAmount).toBe(5)
  })
})
