import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { WebSocketServer, type WebSocket as WsSocket } from 'ws'
import {
  type Connection,
  type ConnectionEvent,
  type ConnectionState,
  createConnection,
} from '../../client/core/connection.ts'

let server: WebSocketServer
let address: string
let connection: Connection
let states: ConnectionState[]
let events: ConnectionEvent[]
let listener: EventTarget

/** Resolves when an event of a type has happened `count` times. */
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

beforeEach(async () => {
  server = new WebSocketServer({ port: 0, host: '127.0.0.1' })
  await once(server, 'listening')
  address = `ws://127.0.0.1:${(server.address() as AddressInfo).port}/ws`
  server.on('connection', peer => {
    peer.on('message', (data, isBinary) => peer.send(isBinary ? data : `[RE]: ${data}`, { binary: isBinary }))
  })

  const recorded = { states: [] as ConnectionState[], events: [] as ConnectionEvent[], listener: new EventTarget() }
  ;({ states, events, listener } = recorded)
  connection = createConnection({
    onState: state => recorded.states.push(state),
    onEvent: event => {
      recorded.events.push(event)
      recorded.listener.dispatchEvent(new Event('event'))
    },
  })
})

afterEach(() => {
  connection.disconnect()
  for (const peer of server.clients) peer.terminate()
  server.close()
})

test('goes from connecting to connected', async () => {
  await connectTo(address)
  expect(states).toEqual(['connecting', 'connected'])
  expect(events).toEqual([{ type: 'connected' }])
})

test('sends messages, the empty one too, and receives the answers', async () => {
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

test('receives a binary message as its bytes', async () => {
  const peer = await connectTo(address)
  peer.send(Buffer.from([0, 255]))
  await happened('received')
  expect(events.at(-1)).toEqual({ type: 'received', message: new Uint8Array([0, 255]).buffer })
})

test('disconnects with code 1000', async () => {
  const peer = await connectTo(address)
  const closed = once(peer, 'close')
  connection.disconnect()
  await happened('disconnected')
  expect((await closed)[0]).toBe(1000)
  expect(states).toEqual(['connecting', 'connected', 'closing', 'disconnected'])
  expect(events.at(-1)).toEqual({ type: 'disconnected', code: 1000, reason: '' })
})

test('tells the close code and reason that the server gave', async () => {
  const peer = await connectTo(address)
  peer.close(1001, 'going away')
  await happened('disconnected')
  expect(events.at(-1)).toEqual({ type: 'disconnected', code: 1001, reason: 'going away' })
})

test('tells 1005 when the server gave no code', async () => {
  const peer = await connectTo(address)
  peer.close()
  await happened('disconnected')
  expect(events.at(-1)).toEqual({ type: 'disconnected', code: 1005, reason: '' })
})

test('tells 1006 when the server went without a close frame', async () => {
  const peer = await connectTo(address)
  peer.terminate()
  await happened('disconnected')
  expect(events.at(-1)).toEqual({ type: 'disconnected', code: 1006, reason: '' })
})

test('connects again after it was disconnected', async () => {
  await connectTo(address)
  connection.disconnect()
  await happened('disconnected')
  await connectTo(address)
  connection.send('again')
  await happened('received')
  expect(events.at(-1)).toEqual({ type: 'received', message: '[RE]: again' })
})

test('replaces a socket: its server gets a close frame, and nothing of it is heard any more', async () => {
  const peer = await connectTo(address)
  const closed = once(peer, 'close')
  peer.send('too late')
  await connectTo(`${address}?second`)
  await closed

  connection.send('hello')
  await happened('received')
  expect(events).toEqual([
    { type: 'connected' },
    { type: 'disconnected', code: 1000, reason: 'replaced by a new connection' },
    { type: 'connected' },
    { type: 'sent', message: 'hello' },
    { type: 'received', message: '[RE]: hello' },
  ])
  expect(states).toEqual(['connecting', 'connected', 'connecting', 'connected'])
})

test('sends nothing before, between and after connections', async () => {
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

test('does nothing on disconnect without a connection', () => {
  connection.disconnect()
  expect(states).toEqual([])
  expect(events).toEqual([])
})

describe('an address that can not be', () => {
  test.each(['', 'http//x', 'ftp://127.0.0.1/ws', 'ws://127.0.0.1/ws#fragment', 'ws://127.0.0.1/ws#', 'ws://'])(
    'is told once, and the next one works: %j',
    async bad => {
      connection.connect(bad)
      expect(events).toEqual([
        { type: 'error', problem: expect.stringContaining(`"${bad}" is not a WebSocket address`) },
      ])
      expect(states).toEqual([])
      await connectTo(address)
    },
  )

  test('leaves the connection that there is', async () => {
    await connectTo(address)
    connection.connect('http//x')
    expect(connection.send('still here')).toBe(true)
    await happened('received')
    expect(events.at(-1)).toEqual({ type: 'received', message: '[RE]: still here' })
  })
})

test('tells which server could not be connected to', async () => {
  server.close()
  await once(server, 'close')
  connection.connect(address)
  await happened('error')
  expect(events).toEqual([{ type: 'error', problem: `could not connect to ${address}` }])
  await vi.waitFor(() => expect(states).toEqual(['connecting', 'disconnected']))
})
