import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { WebSocketServer, type WebSocket as WsSocket } from 'ws'
import { askHello } from '../../client/core/hello.ts'

let server: WebSocketServer
let url: string

beforeEach(async () => {
  server = new WebSocketServer({ port: 0, host: '127.0.0.1' })
  await once(server, 'listening')
  url = `ws://127.0.0.1:${(server.address() as AddressInfo).port}/raw`
})

afterEach(() => {
  for (const peer of server.clients) peer.terminate()
  server.close()
})

test('returns the headers, and the other facts in words, and closes the connection', async () => {
  const closed = Promise.withResolvers<string | undefined>()
  server.on('connection', (peer: WsSocket, request) => {
    const facts = {
      path: '/raw',
      proxyHeaders: [
        ['X-Real-IP', '10.0.0.1'],
        ['X-Forwarded-Proto', 'http'],
      ],
      forwardedAddress: null,
      subprotocol: { offered: 'chat', chosen: null },
    }
    const headers = [
      ['Upgrade', 'websocket'],
      ['Host', 'a'],
    ]
    peer.send(JSON.stringify({ ...facts, headers }))
    peer.on('close', () => closed.resolve(request.url))
  })
  expect(await askHello(`${url}?reject=503&delay=1s`, ['chat'])).toEqual({
    headers: [
      ['Upgrade', 'websocket'],
      ['Host', 'a'],
    ],
    facts: [
      ['path', '/raw'],
      ['proxy headers', 'X-Real-IP: 10.0.0.1\nX-Forwarded-Proto: http'],
      ['forwarded address', 'none'],
      ['subprotocol offered', 'chat'],
      ['subprotocol chosen', 'none'],
    ],
  })
  expect(await closed.promise).toBe('/raw?hello')
})

test('asks again with the query if the backend behind the server needs it', async () => {
  const requested: (string | undefined)[] = []
  server.shouldHandle = ({ url }) => {
    requested.push(url)
    return url?.includes('token=') === true
  }
  server.on('connection', peer => peer.send('{"path":"/raw","headers":[]}'))
  expect(await askHello(`${url}?token=%61&room=1`, [])).toEqual({ headers: [], facts: [['path', '/raw']] })
  expect(requested).toEqual(['/raw?hello', '/raw?hello&token=%61&room=1'])
})

test.each(['hello', '{}', 'null', '{"headers":[1]}', '{"headers":{}}'])(
  'says that another server sent %j',
  async message => {
    server.on('connection', peer => peer.send(message))
    expect(await askHello(url, [])).toEqual({ problem: expect.stringMatching(/Only this stack's server knows/) })
  },
)

test('says that no message came', async () => {
  expect(await askHello(url, [], WebSocket, 50)).toEqual({
    problem: `No message came from ${url}?hello within 0.05 s.`,
  })
})

test('says that the handshake failed, without a password', async () => {
  server.shouldHandle = () => false
  expect(await askHello(url.replace('ws://', 'ws://user:secret@'), [])).toEqual({
    problem: `The handshake with ${url}?hello failed.`,
  })
})
