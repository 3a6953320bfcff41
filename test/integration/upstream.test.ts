import { once } from 'node:events'
import { mkdtemp, writeFile } from 'node:fs/promises'
import { createServer as createTlsServer } from 'node:https'
import { type AddressInfo, connect as connectTcp, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Server as SocketIoServer } from 'socket.io'
import { io as createSocketIoClient } from 'socket.io-client'
import { describe, expect, onTestFinished, test } from 'vitest'
import { WebSocketServer, WebSocket as Ws } from 'ws'
import { findProgram } from '../browser/browser.ts'
import { createAuthority, createCertificate } from '../certs.ts'
import { hasPythonModule } from '../requirements.ts'
import { freePort } from '../stack/stack.ts'
import { type Client, connect } from '../suite/client.ts'
import { closePayload, connectRaw, frame, handshake, opcodes, parseFrame } from '../suite/raw-client.ts'
import { answerTo, startPassive, startProgram, startRaw, startWs } from './backends.ts'
import { run } from './run.ts'
import { serve } from './serve.ts'

const { text, binary, close, ping, pong } = opcodes
const fromServer = (opcode: number, payload: Uint8Array | string = '') => frame(opcode, payload, { mask: false })

/** Starts a server in front of a backend. */
const relayTo = (url: string, env: Record<string, string> = {}) => serve({ UPSTREAM: url, ...env })

/** Starts a backend of the library ws that echoes, and a server in front of it. */
async function relayToEcho(env: Record<string, string> = {}) {
  const backend = await startWs()
  backend.wss.on('connection', socket =>
    socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary })),
  )
  return { ...(await relayTo(backend.url, env)), backend }
}

async function reach(port: number) {
  const socket = connectTcp(port)
  return once(socket, 'connect').then(
    () => Boolean(socket.destroy()),
    () => false,
  )
}

async function refusalOf(url: string, headers: Record<string, string> = {}, protocols: string[] = []) {
  const socket = new Ws(url, protocols, { headers })
  const { promise, resolve, reject } = Promise.withResolvers<{ status: number; headers: object; body: Buffer }>()
  socket.on('open', () => reject(new Error('it opened')))
  socket.on('error', reject)
  socket.on('unexpected-response', async (_, response) => {
    const chunks: Buffer[] = []
    for await (const chunk of response) chunks.push(chunk)
    resolve({ status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(chunks) })
  })
  return promise
}

const exchange = async (client: Client, message: string | Uint8Array<ArrayBuffer>) => {
  client.socket.send(message)
  return client.next()
}

describe('a real backend', () => {
  test.skipIf(!hasPythonModule('websockets'))(
    "Python's websockets echoes messages of every kind and size",
    async () => {
      const { url } = await relayTo((await startProgram('echo')).url)
      const client = await connect(url)
      for (const message of ['', 'hello', 'ä'.repeat(70_000), new Uint8Array(), new Uint8Array(2 ** 20 - 1).fill(7)]) {
        expect(await exchange(client, message)).toEqual(message)
      }
      client.socket.close(4321, 'bye')
      expect(await client.closed).toEqual({ code: 4321, reason: 'bye', wasClean: true })
    },
  )

  test.skipIf(!hasPythonModule('websockets'))("Python's websockets broadcasts to every client", async () => {
    const { url } = await relayTo((await startProgram('broadcast')).url)
    const clients = await Promise.all(Array.from({ length: 5 }, () => connect(url)))
    for (const [i, client] of clients.entries()) {
      client.socket.send(`from ${i}`)
      for (const other of clients) expect(await other.next()).toBe(`from ${i}`)
    }
  })

  test.skipIf(!findProgram('websocketd'))('websocketd runs a program for each connection', async () => {
    const port = await freePort()
    run(['websocketd', '--address=127.0.0.1', `--port=${port}`, 'cat'])
    // It logs that it serves before it listens.
    await expect.poll(() => reach(port)).toBe(true)
    const { url } = await relayTo(`ws://127.0.0.1:${port}`)
    const clients = await Promise.all([connect(url), connect(url)])
    for (const [i, client] of clients.entries()) {
      for (let j = 0; j < 50; j++) client.socket.send(`${i}/${j}`)
    }
    for (const [i, client] of clients.entries()) {
      for (let j = 0; j < 50; j++) expect(await client.next()).toBe(`${i}/${j}`)
    }
  })

  test('ws chooses the subprotocol, sets cookies and sees those of the client', async () => {
    const backend = await startWs({ handleProtocols: () => 'second' })
    backend.wss.on('headers', headers => headers.push('Set-Cookie: a=1', 'Set-Cookie: b=2', 'X-Served-By: w\xffs'))
    backend.wss.on('connection', (socket, { headers }) => socket.send(headers.cookie ?? 'none'))
    const { url } = await relayTo(backend.url)
    const raw = await connectRaw(url, { 'Sec-WebSocket-Protocol': 'first, second', Cookie: 'session=7' })
    expect(raw.head).toMatch(/^HTTP\/1.1 101 /)
    expect(raw.head.match(/^(sec-websocket-protocol|set-cookie|x-served-by): .*$/gim)).toEqual([
      'Sec-WebSocket-Protocol: second',
      'Set-Cookie: a=1',
      'Set-Cookie: b=2',
      // ws writes UTF-8, and the bytes stay as they are.
      `X-Served-By: ${Buffer.from('wÿs').toString('latin1')}`,
    ])
    expect(String((await raw.frame()).payload)).toBe('session=7')
  })

  test('a client that the backend gives no subprotocol gets none', async () => {
    const backend = await startWs({ handleProtocols: () => false })
    const { url } = await relayTo(backend.url)
    expect((await connectRaw(url, { 'Sec-WebSocket-Protocol': 'first' })).head).not.toMatch(/sec-websocket-protocol/i)
  })

  test('ws refuses a client without credentials, and accepts it with them', async () => {
    const backend = await startWs({
      verifyClient: ({ req }, done) => done(req.headers.authorization === 'Bearer x', 401),
    })
    const { url, log } = await relayTo(backend.url)
    expect(await refusalOf(url)).toMatchObject({ status: 401, body: Buffer.from('Unauthorized') })
    expect(log.at(-1)).toMatchObject({ msg: 'Refused a handshake', status: 401, reason: 'upstream' })
    expect((await connectRaw(url, { Authorization: 'Bearer x' })).head).toMatch(/^HTTP\/1.1 101 /)
  })

  test('over TLS, a certificate of the authority in UPSTREAM_CA is accepted, and any other refused', async () => {
    const authority = await createAuthority()
    const { certificate, key } = await createCertificate(authority, ['127.0.0.1'])
    const https = createTlsServer({ cert: certificate, key })
    new WebSocketServer({ server: https }).on('connection', socket => socket.on('message', data => socket.send(data)))
    https.listen(0, '127.0.0.1')
    await once(https, 'listening')
    onTestFinished(() => void https.close())
    const { port } = https.address() as AddressInfo
    const file = join(await mkdtemp(join(tmpdir(), 'ca-')), 'ca.pem')
    await writeFile(file, authority.certificate)

    const { url } = await relayTo(`https://127.0.0.1:${port}`, { UPSTREAM_CA: file })
    const client = await connect(url)
    expect(await exchange(client, new Uint8Array(500_000).fill(1))).toEqual(new Uint8Array(500_000).fill(1))
    client.socket.close(1000, 'done')
    expect(await client.closed).toMatchObject({ code: 1000, reason: 'done' })

    const distrustful = await relayTo(`wss://127.0.0.1:${port}`)
    const { status, body } = await refusalOf(distrustful.url)
    expect(status).toBe(502)
    expect(String(body)).toMatch(
      /^The handshake with the backend wss:.+ failed: .*(certificate|self.signed).*; UPSTREAM_CA can name a file with the certificates to trust\n$/,
    )
  })
})

describe('the handshake for the backend', () => {
  /** Returns the request that a backend gets, as it was written. */
  async function requestFor(target: string, headers: Record<string, string> = {}, env: Record<string, string> = {}) {
    const { promise, resolve } = Promise.withResolvers<string>()
    const backend = await startRaw((socket, request) => {
      socket.end('HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\n\r\n')
      resolve(request)
    })
    const { url, log } = await relayTo(backend.url, env)
    await connectRaw(url + target, headers)
    return { request: await promise, url, log }
  }

  test.for([
    ['', '/'],
    ['chat/room', '/chat/room'],
    ['chat?token=a%20b&x&y=', '/chat?token=a%20b&x&y='],
    ['?delay=1ms&token=1&up-delay=1ms&loss=0', '/?token=1'],
    ['?delay=1ms', '/'],
    ['?unknown-parameter=1', '/?unknown-parameter=1'],
    ['?test-id=a&b=1', '/?b=1'],
    ['?%64elay=5&b', '/?%64elay=5&b'],
    ['a%2Fb//c/../d', '/a%2Fb//c/../d'],
  ] as const)('has the path and the query without our parameters: %s', async ([target, expected]) => {
    const backend = await startRaw((socket, request) => socket.end(`HTTP/1.1 400 ${request.split(' ')[1]}\r\n\r\n`))
    const { port, url } = await relayTo(backend.url)
    const socket = connectTcp(port)
    socket.write(`${handshake(url).replace('GET / ', `GET /${target} `)}\r\n`)
    expect(String((await once(socket, 'data'))[0])).toMatch(`400 ${expected}\r\n`)
  })

  test('has a path, even if the target of the client is an address without one', async () => {
    const backend = await startRaw((socket, request) => socket.end(`HTTP/1.1 400 ${request.split(' ')[1]}\r\n\r\n`))
    const { url, port } = await relayTo(backend.url)
    const socket = connectTcp(port)
    socket.write(`${handshake(url).replace('GET / ', 'GET http://echo.test?token=1 ')}\r\n`)
    expect(String(await once(socket, 'data'))).toMatch(/^HTTP\/1.1 400 \/\?token=1\r\n/)
  })

  test('has the whole query if faults are off', async () => {
    expect((await requestFor('?delay=1s', {}, { NO_FAULTS: '1' })).request).toMatch(/^GET \/\?delay=1s HTTP/)
  })

  test('has the headers of the client, except those of its connection', async () => {
    const { request, url } = await requestFor('', {
      Connection: 'keep-alive, Upgrade, X-Secret',
      'X-Secret': 'hop',
      'Keep-Alive': 'timeout=5',
      TE: 'trailers',
      'Proxy-Authorization': 'Basic x',
      Cookie: 'a=1; b=2',
      Authorization: 'Bearer y',
      Origin: 'https://example.com',
      'Sec-WebSocket-Protocol': 'one, two',
      'X-Own': 'Ünïcode',
      'X-Forwarded-For': '203.0.113.7',
      'X-Forwarded-Proto': 'https',
    })
    expect(request).not.toMatch(/secret|keep-alive|trailers|proxy-/i)
    const values = (name: string) =>
      [...request.matchAll(new RegExp(`^${name}: (.*)\r$`, 'gim'))].map(([, value]) => value)
    expect(
      Object.fromEntries(
        ['Connection', 'Upgrade', 'Host', 'Origin', 'Cookie', 'Authorization', 'X-Own'].map(name => [
          name,
          values(name),
        ]),
      ),
    ).toEqual({
      Connection: ['Upgrade'],
      Upgrade: ['websocket'],
      Host: [new URL(url).host],
      Origin: ['https://example.com'],
      Cookie: ['a=1; b=2'],
      Authorization: ['Bearer y'],
      'X-Own': [Buffer.from('Ünïcode').toString('latin1')],
    })
    expect(values('Sec-WebSocket-Protocol')).toEqual(['one, two'])
    expect(values('Sec-WebSocket-Version')).toEqual(['13'])
    expect(values('Sec-WebSocket-Extensions')).toEqual([])
    expect(values('X-Forwarded-For')).toEqual(['203.0.113.7, 127.0.0.1'])
    expect(values('X-Forwarded-Proto')).toEqual(['https'])
    expect(values('X-Forwarded-Host')).toEqual([new URL(url).host])
  })

  test('has this server as the last one in Via', async () => {
    const { request } = await requestFor('', { Via: '1.1 gateway' })
    expect(request.match(/^via: .*(?=\r)/gim)).toEqual([
      expect.stringMatching(/^Via: 1\.1 gateway, 1\.1 echo-[0-9a-f]{12}$/),
    ])
  })

  test('has the Host and the Origin of the settings', async () => {
    const env = { UPSTREAM_HOST: 'chat.example:8443', UPSTREAM_ORIGIN: 'https://chat.example' }
    const { request } = await requestFor('', { Origin: 'http://localhost' }, env)
    expect(request.match(/^(host|origin|x-forwarded-host): .*(?=\r)/gim)).toEqual([
      'Host: chat.example:8443',
      'Origin: https://chat.example',
      expect.stringMatching(/^X-Forwarded-Host: 127\.0\.0\.1:\d+$/),
    ])
  })

  test('offers compression if the client does', async () => {
    const { request } = await requestFor('', {
      'Sec-WebSocket-Extensions': 'permessage-deflate; client_max_window_bits',
    })
    expect(request).toContain(
      'Sec-WebSocket-Extensions: permessage-deflate; client_no_context_takeover; server_no_context_takeover\r\n',
    )
  })

  test('is not sent if the server itself refuses the client', async () => {
    let count = 0
    const backend = await startRaw(() => count++)
    const { url } = await relayTo(backend.url, { ALLOWED_ORIGINS: 'https://example.com' })
    for (const [target, headers] of [
      ['?reject=503', {}],
      ['?delay=never', {}],
      ['', { Origin: 'https://evil.example' }],
      ['', { 'Sec-WebSocket-Version': '7' }],
      ['', { 'Sec-WebSocket-Key': 'short' }],
    ] as const) {
      expect((await connectRaw(url + target, headers)).head).toMatch(/^HTTP\/1.1 [45]/)
    }
    expect(count).toBe(0)
  })

  test('is not sent for a plain request, nor for /raw and /echo', async () => {
    let count = 0
    const backend = await startRaw(() => count++)
    const { url, http } = await relayTo(backend.url)
    const plain = await fetch(`${http}chat?token=1`)
    expect(plain.status).toBe(426)
    const [note] = (await plain.text()).split('\n\n')
    expect(note).toBe(
      `This server passes WebSockets on to the backend ${backend.url}, but no plain HTTP requests.\n` +
        "If a handshake failed, the server's log says why.",
    )
    expect(await exchange(await connect(`${url}echo`), 'x')).toBe('[RE]: x')
    expect(await exchange(await connect(`${url}raw`), 'x')).toBe('x')
    expect(count).toBe(0)
  })
})

describe("the backend's refusal", () => {
  test('arrives with its status, headers and body', async () => {
    const bytes = Buffer.from(Array.from({ length: 100_000 }, (_, i) => i % 256))
    const backend = await startRaw(socket => {
      const head = [
        'HTTP/1.1 418 Short and stout',
        'Content-Type: image/x-tea',
        'X-Two: a',
        'X-Two: b',
        'Set-Cookie: c=1',
      ]
      socket.write(`${[...head, `Content-Length: ${bytes.length}`, 'Connection: close'].join('\r\n')}\r\n\r\n`)
      socket.end(bytes)
    })
    const { url } = await relayTo(backend.url)
    const { status, headers, body } = await refusalOf(url)
    expect(status).toBe(418)
    expect(body.equals(bytes)).toBe(true)
    expect(headers).toMatchObject({
      'content-type': 'image/x-tea',
      'x-two': 'a, b',
      'set-cookie': ['c=1'],
      connection: 'close',
    })
    expect((await connectRaw(url)).head).toMatch(/^HTTP\/1.1 418 Short and stout\r\n/)
  })

  test('that is a redirect is passed on, not followed', async () => {
    let count = 0
    const backend = await startRaw(socket => {
      count++
      socket.end('HTTP/1.1 307 Temporary Redirect\r\nLocation: ws://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n')
    })
    const { url } = await relayTo(backend.url)
    expect(await refusalOf(url)).toMatchObject({ status: 307, headers: { location: 'ws://127.0.0.1:1/' } })
    expect(count).toBe(1)
  })

  test('that is chunked, or ends with the connection, arrives whole', async () => {
    const bodies = [
      'Transfer-Encoding: chunked\r\n\r\n3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n',
      'Connection: close\r\n\r\nonetwo',
    ]
    const backend = await startRaw(socket => socket.end(`HTTP/1.1 403 No\r\n${bodies.shift()}`))
    const { url } = await relayTo(backend.url)
    for (let i = 0; i < 2; i++) expect(String((await refusalOf(url)).body)).toBe('onetwo')
  })

  test('arrives before its body does', async () => {
    const backend = await startRaw(socket => socket.write('HTTP/1.1 401 Unauthorized\r\nContent-Length: 4\r\n\r\n'))
    const { head, socket } = await connectRaw((await relayTo(backend.url)).url)
    expect(head).toMatch(/^HTTP\/1.1 401 Unauthorized\r\n/)
    socket.destroy()
  })

  test('that asks for an upgrade says so', async () => {
    const backend = await startRaw(socket =>
      socket.end(
        'HTTP/1.1 426 Upgrade Required\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\r\n',
      ),
    )
    const { head } = await connectRaw((await relayTo(backend.url)).url)
    expect(head).toMatch(/^HTTP\/1.1 426 /)
    expect(head).toContain('Upgrade: websocket')
    expect(head).toContain('Sec-WebSocket-Version: 13')
  })
})

describe('a backend that is this server itself', () => {
  test('gives 508 with the reason, and is asked once', async () => {
    const port = await freePort()
    const { url, log } = await relayTo(`ws://127.0.0.1:${port}`, { PORT: String(port) })
    const { status, body } = await refusalOf(`${url}chat`)
    const reason = `The backend ws://127.0.0.1:${port} leads back to this server`
    expect([status, String(body)]).toEqual([508, `${reason}\n`])
    expect(log.filter(({ msg }) => msg === 'Refused a handshake')).toMatchObject([
      { status: 508, reason: 'upstream', problem: reason },
      { status: 508, reason: 'upstream' },
    ])
    expect(await exchange(await connect(`${url}echo`), 'hello')).toBe('[RE]: hello')
  })

  test('is found behind another one', async () => {
    const port = await freePort()
    const between = await relayTo(`ws://127.0.0.1:${port}`)
    const { url } = await relayTo(`ws://127.0.0.1:${between.port}`, { PORT: String(port) })
    expect(await refusalOf(url)).toMatchObject({ status: 508 })
  })

  test('does not keep another server of the same kind from being one', async () => {
    const echo = await serve()
    const { url } = await relayTo((await relayTo(echo.url)).url)
    expect(await exchange(await connect(url), 'hello')).toBe('[RE]: hello')
  })
})

describe('Socket.IO and SignalR', () => {
  test('are spoken by the backend, over WebSockets alone', async () => {
    const port = await freePort()
    const io = new SocketIoServer(port)
    onTestFinished(() => io.close())
    io.on('connection', socket => socket.on('event', (text, answer) => answer(`backend: ${text}`)))
    const { http } = await relayTo(`ws://127.0.0.1:${port}`)
    const client = createSocketIoClient(http, { transports: ['websocket'] })
    onTestFinished(() => void client.close())
    expect(await client.emitWithAck('event', 'hello')).toBe('backend: hello')
    for (const [method, path] of [
      ['GET', 'socket.io/?EIO=4&transport=polling'],
      ['POST', 'signalr/negotiate?negotiateVersion=1'],
    ] as const) {
      expect((await fetch(http + path, { method })).status).toBe(426)
    }
  })

  test('have no path of their own: a WebSocket to it is the backend’s', async () => {
    const { url } = await relayToEcho()
    expect(await exchange(await connect(`${url}signalr`), 'hello')).toBe('hello')
    expect(await exchange(await connect(`${url}socket.io/?EIO=4&transport=websocket`), 'hello')).toBe('hello')
  })
})

test('hello names the backend that answers, and /echo has none', async () => {
  const { url, backend } = await relayToEcho()
  const described = async (url: string) => JSON.parse(String(await (await connect(url)).next()))
  expect(await described(`${url}chat?hello`)).toMatchObject({ path: '/chat', upstream: backend.url })
  expect(await described(`${url}echo?hello`)).not.toHaveProperty('upstream')
})

describe('a backend that fails the handshake', () => {
  test('and cannot be reached gives 502 with the reason', async () => {
    const { url, log } = await relayTo(`ws://127.0.0.1:${await freePort()}`)
    const { status, body } = await refusalOf(url)
    expect(status).toBe(502)
    expect(String(body)).toMatch(/^The handshake with the backend ws:\/\/127\.0\.0\.1:\d+ failed: connect ECONNREFUSED/)
    expect(log.at(-1)).toMatchObject({ msg: 'Refused a handshake', status: 502, problem: String(body).trim() })
  })

  test('and has no address gives 502', async () => {
    const { url } = await relayTo('ws://backend.invalid:8080')
    expect(await refusalOf(url)).toMatchObject({ status: 502 })
  })

  test('and does not speak TLS gives 502 with the reason in words', async () => {
    const { url: address } = await startWs()
    const { url } = await relayTo(address.replace('ws:', 'wss:'))
    const { status, body } = await refusalOf(url)
    expect(status).toBe(502)
    expect(String(body)).toMatch(/^The handshake with the backend wss:\S+ failed: TLS error: wrong version number\n$/)
  })

  test('and is silent gives 504 after UPSTREAM_TIMEOUT', async () => {
    const backend = await startRaw(() => {})
    const { url, log } = await relayTo(backend.url, { UPSTREAM_TIMEOUT: '150ms' })
    const { status, body } = await refusalOf(url)
    expect(status).toBe(504)
    expect(String(body)).toBe(`The backend ${backend.url} did not answer within 150 ms\n`)
    expect(log.at(-1)).toMatchObject({ status: 504, reason: 'upstream' })
  })

  test('and ends the connection gives 502', async () => {
    const backend = await startRaw(socket => socket.destroy())
    const { status, body } = await refusalOf((await relayTo(backend.url)).url)
    expect(status).toBe(502)
    expect(String(body)).toBe(`The handshake with the backend ${backend.url} failed: socket hang up\n`)
  })

  test.for([
    ['a wrong accept', { 'Sec-WebSocket-Accept': 'dGhlIHNhbXBsZSBub25jZQ==' }, 'Sec-WebSocket-Accept is wrong'],
    ['no Upgrade', { Upgrade: 'h2c' }, 'Upgrade is not websocket'],
    ['no Connection', { Connection: 'close' }, 'Connection is not Upgrade'],
    ['another subprotocol', { 'Sec-WebSocket-Protocol': 'other' }, 'the client does not offer the subprotocol other'],
    ['an unknown extension', { 'Sec-WebSocket-Extensions': 'x-none' }, 'it accepts more than permessage-deflate'],
    ['takeover', { 'Sec-WebSocket-Extensions': 'permessage-deflate' }, 'it declines server_no_context_takeover'],
  ] as const)('by a 101 with %s gives 502', async ([, headers, problem]) => {
    const backend = await startRaw((socket, request) => socket.write(answerTo(request, headers)))
    const { url, log } = await relayTo(backend.url)
    const offer = { 'Sec-WebSocket-Extensions': 'permessage-deflate', 'Sec-WebSocket-Protocol': 'mine' }
    const { head } = await connectRaw(url, offer)
    expect(head).toMatch(/^HTTP\/1.1 502 /)
    expect(log.at(-1)).toMatchObject({ status: 502, problem: expect.stringContaining(problem) })
    const [socket] = backend.sockets as Set<Socket>
    if (!socket?.resume().readableEnded) await once(socket as Socket, 'end')
  })

  test('by a 101 with an extension that the client does not offer gives 502', async () => {
    const accepted = { 'Sec-WebSocket-Extensions': 'permessage-deflate; server_no_context_takeover' }
    const backend = await startRaw((socket, request) => socket.write(answerTo(request, accepted)))
    const { url, log } = await relayTo(backend.url)
    expect((await connectRaw(url)).head).toMatch(/^HTTP\/1.1 502 /)
    expect(log.at(-1)).toMatchObject({
      problem: expect.stringContaining('the client does not offer permessage-deflate'),
    })
  })

  test('and answers no HTTP at all gives 502', async () => {
    const backend = await startRaw(socket => socket.write('SSH-2.0-OpenSSH_9.2p1\r\n'))
    expect(await refusalOf((await relayTo(backend.url)).url)).toMatchObject({ status: 502 })
  })

  test('learns that the client has left before the answer', async () => {
    const { promise, resolve } = Promise.withResolvers<Socket>()
    const backend = await startRaw(resolve)
    const { port, url, log } = await relayTo(backend.url)
    const client = connectTcp(port)
    client.write(`${handshake(url)}\r\n`)
    const socket = await promise
    socket.resume()
    client.destroy()
    await once(socket, 'end')
    expect(log.at(-1)).toMatchObject({ msg: 'Gave up the handshake', problem: 'The client left before the answer' })
  })
})

describe('messages', () => {
  test('keep type, order and content in both directions', async () => {
    const { url } = await relayToEcho()
    const client = await connect(url)
    const messages = Array.from({ length: 2000 }, (_, i) =>
      i % 2 ? `text ${i} ${'ü'.repeat(i)}` : Uint8Array.from({ length: (i * 31) % 5000 }, (_, j) => (i + j) % 256),
    )
    for (const message of messages) client.socket.send(message)
    for (const message of messages) expect(await client.next()).toEqual(message)
  })

  test('that the backend sends on its own arrive, even with the 101', async () => {
    const backend = await startRaw((socket, request) =>
      socket.write(Buffer.concat([Buffer.from(answerTo(request)), fromServer(text, 'one'), fromServer(binary, 'two')])),
    )
    const client = await connect((await relayTo(backend.url)).url)
    expect([await client.next(), await client.next()]).toEqual(['one', new Uint8Array(Buffer.from('two'))])
  })

  test('in fragments with a ping between them arrive whole', async () => {
    const backend = await startRaw((socket, request) => {
      socket.write(answerTo(request))
      socket.write(frame(text, 'one ', { fin: false, mask: false }))
      socket.write(fromServer(ping, 'between'))
      socket.write(frame(opcodes.continuation, 'two', { mask: false }))
    })
    const raw = await connectRaw((await relayTo(backend.url)).url)
    expect(await raw.frame()).toMatchObject({ fin: true, opcode: text, payload: Buffer.from('one two') })
  })

  test('are masked with a new mask for each frame on their way to the backend', async () => {
    const backend = await startPassive()
    const client = await connectRaw((await relayTo(backend.url)).url)
    for (let i = 0; i < 10; i++) client.socket.write(frame(text, 'x'.repeat(10)))
    const socket = await backend.first
    let bytes = Buffer.alloc(0)
    socket.on('data', chunk => (bytes = Buffer.concat([bytes, chunk]))).resume()
    await expect.poll(() => bytes.length).toBe(160)
    const masks = Array.from({ length: 10 }, (_, i) => bytes.toString('hex', i * 16 + 2, i * 16 + 6))
    expect(new Set(masks).size).toBe(10)
    for (let i = 0; i < 10; i++) expect(bytes.subarray(i * 16, i * 16 + 2)).toEqual(Buffer.from([0x81, 0x8a]))
  })

  test('are compressed on each side if that side agreed', async () => {
    const bytes = 'compressible '.repeat(10_000)
    for (const perMessageDeflate of [true, false]) {
      const backend = await startWs({ perMessageDeflate })
      const sizes: number[] = []
      backend.wss.on('connection', (socket, { socket: tcp }) =>
        socket.on('message', data => {
          sizes.push(tcp.bytesRead)
          socket.send(String(data))
        }),
      )
      const { url } = await relayTo(backend.url)
      const client = await connect(url)
      expect(client.socket.extensions).toContain('permessage-deflate')
      expect(await exchange(client, bytes)).toBe(bytes)
      expect((sizes[0] ?? 0) < bytes.length / 2).toBe(perMessageDeflate)
      const plain = new Ws(url, { perMessageDeflate: false })
      await once(plain, 'open')
      plain.send(bytes)
      expect(String((await once(plain, 'message'))[0])).toBe(bytes)
      plain.terminate()
    }
  })

  test('above MAX_PAYLOAD close their side with 1009, and end the other one without a close frame', async () => {
    const backend = await startWs()
    const { promise, resolve } = Promise.withResolvers<[number, Buffer]>()
    backend.wss.on('connection', socket => {
      socket.send('x'.repeat(2001))
      socket.on('close', (code, reason) => resolve([code, reason]))
    })
    const { url } = await relayTo(backend.url, { MAX_PAYLOAD: '2000' })
    const client = await connect(url)
    expect(await client.closed).toMatchObject({ code: 1006 })
    expect((await promise)[0]).toBe(1009)
  })
})

test("pings are answered by each side's own, and not passed on", async () => {
  const pings: string[] = []
  const { promise, resolve } = Promise.withResolvers<Buffer>()
  const backend = await startWs()
  backend.wss.on('connection', socket => {
    socket.on('ping', payload => pings.push(String(payload)))
    socket.on('pong', resolve)
    socket.ping('from the backend')
  })
  const raw = await connectRaw((await relayTo(backend.url)).url)
  expect(String(await promise)).toBe('from the backend')
  raw.socket.write(frame(ping, 'from the client'))
  expect(await raw.frame()).toMatchObject({ opcode: pong, payload: Buffer.from('from the client') })
  expect(pings).toEqual([])
})

test('a backend that answers no pings is disconnected by the heartbeat, and the client with it', async () => {
  const backend = await startRaw((socket, request) => {
    socket.write(answerTo(request))
    socket.resume()
  })
  const { url, log } = await relayTo(backend.url, { HEARTBEAT_INTERVAL: '100ms' })
  expect(await (await connect(url)).closed).toMatchObject({ code: 1006 })
  expect(log).toContainEqual(expect.objectContaining({ side: 'backend', problem: 'No answer since the last ping' }))
})

describe('the end', () => {
  const ends = [
    [1000, ''],
    [1001, 'going'],
    [1011, 'ö'.repeat(61)],
    [3000, 'x'],
    [4999, 'y'.repeat(123)],
  ] as const

  test.for(ends)('by a close frame of the client reaches the backend: %d', async ([code, reason]) => {
    const backend = await startWs()
    const { promise, resolve } = Promise.withResolvers<unknown>()
    backend.wss.on('connection', socket => socket.on('close', (code, reason) => resolve([code, String(reason)])))
    const client = await connect((await relayTo(backend.url)).url)
    client.socket.close(code, reason)
    expect(await promise).toEqual([code, reason])
    expect(await client.closed).toEqual({ code, reason, wasClean: true })
  })

  test.for(ends)('by a close frame of the backend reaches the client: %d', async ([code, reason]) => {
    const backend = await startWs()
    const { promise, resolve } = Promise.withResolvers<unknown>()
    backend.wss.on('connection', socket => {
      socket.on('close', (code, reason) => resolve([code, String(reason)]))
      socket.send('last')
      socket.close(code, reason)
    })
    const client = await connect((await relayTo(backend.url)).url)
    expect(await client.next()).toBe('last')
    expect(await client.closed).toEqual({ code, reason, wasClean: true })
    expect((await promise) as unknown[]).toEqual([code, expect.any(String)])
  })

  test('without a code stays without a code in both directions', async () => {
    const backend = await startWs()
    const codes: number[] = []
    backend.wss.on('connection', (socket, { url }) => {
      socket.on('close', code => codes.push(code))
      if (url === '/close') socket.close()
    })
    const { url } = await relayTo(backend.url)
    const raw = await connectRaw(url)
    raw.socket.write(frame(close))
    expect(await raw.frame()).toMatchObject({ opcode: close, payload: Buffer.alloc(0) })
    const other = await connectRaw(`${url}close`)
    expect(await other.frame()).toMatchObject({ opcode: close, payload: Buffer.alloc(0) })
    other.socket.write(frame(close))
    await expect.poll(() => codes).toEqual([1005, 1005])
  })

  test('is answered with the code and the reason that the other side answers', async () => {
    const backend = await startRaw((socket, request) => {
      socket.write(answerTo(request))
      socket.resume().once('data', () => socket.end(fromServer(close, closePayload(4000, 'my own'))))
    })
    const client = await connect((await relayTo(backend.url)).url)
    client.socket.close(1000, 'yours')
    expect(await client.closed).toEqual({ code: 4000, reason: 'my own', wasClean: true })
  })

  test('by the backend is answered by the server if the client does not answer', async () => {
    const { promise, resolve } = Promise.withResolvers<number>()
    const backend = await startWs()
    backend.wss.on('connection', socket => {
      socket.on('close', resolve)
      socket.close(4000)
    })
    const raw = await connectRaw((await relayTo(backend.url)).url)
    expect(await raw.frame()).toMatchObject({ opcode: close, payload: closePayload(4000) })
    expect(await promise).toBe(4000)
    raw.socket.destroy()
  })

  test('of the client does not keep back what the backend still sends before its answer', async () => {
    const backend = await startRaw((socket, request) => {
      socket.write(answerTo(request))
      socket.resume().once('data', () => {
        for (let i = 0; i < 100; i++) socket.write(fromServer(text, `late ${i}`))
        socket.end(fromServer(close, closePayload(1000)))
      })
    })
    const raw = await connectRaw((await relayTo(backend.url)).url)
    raw.socket.write(frame(close, closePayload(1000)))
    for (let i = 0; i < 100; i++) expect(String((await raw.frame()).payload)).toBe(`late ${i}`)
    expect(await raw.frame()).toMatchObject({ opcode: close, payload: closePayload(1000) })
  })

  test.for(['FIN', 'RST'])('of a backend without a close frame ends the client without one: %s', async how => {
    const backend = await startRaw((socket, request) => {
      socket.write(answerTo(request))
      socket.write(fromServer(text, 'last'))
      socket.resume().once('data', () => (how === 'FIN' ? socket.end() : socket.resetAndDestroy()))
    })
    const { url, log } = await relayTo(backend.url)
    const raw = await connectRaw(url)
    expect(String((await raw.frame()).payload)).toBe('last')
    raw.socket.write(frame(text, 'now'))
    expect(await raw.end()).toHaveLength(0)
    await expect.poll(() => log.filter(({ msg }) => msg === 'Disconnected')).toHaveLength(2)
    expect(log.filter(({ msg }) => msg === 'Disconnected').map(({ code, side }) => [side, code])).toEqual(
      expect.arrayContaining([
        ['backend', 1006],
        [undefined, 1006],
      ]),
    )
  })

  test.for(['FIN', 'RST'])('of a client without a close frame ends the backend without one: %s', async how => {
    const backend = await startWs()
    const { promise, resolve } = Promise.withResolvers<number>()
    const received: string[] = []
    backend.wss.on('connection', socket => {
      socket.on('message', data => received.push(String(data)))
      socket.on('close', resolve)
    })
    const raw = await connectRaw((await relayTo(backend.url)).url)
    raw.socket.write(frame(text, 'last'))
    await expect.poll(() => received).toEqual(['last'])
    if (how === 'FIN') raw.socket.end()
    else raw.socket.resetAndDestroy()
    expect(await promise).toBe(1006)
  })

  test('of a client that only ends its side leaves time for the replies', async () => {
    const { port } = await relayToEcho()
    const raw = await connectRaw(`ws://127.0.0.1:${port}`)
    raw.socket.write(frame(text, 'hello'))
    raw.socket.end()
    expect(parseFrame(await raw.end())?.frame).toMatchObject({ opcode: text, payload: Buffer.from('hello') })
  })

  test('by a violation of the client reaches the backend without a close frame', async () => {
    const backend = await startWs()
    const { promise, resolve } = Promise.withResolvers<number>()
    backend.wss.on('connection', socket => socket.on('close', resolve))
    const raw = await connectRaw((await relayTo(backend.url)).url)
    raw.socket.write(frame(text, 'no mask', { mask: false }))
    expect(await raw.frame()).toMatchObject({ opcode: close, payload: closePayload(1002) })
    expect(await promise).toBe(1006)
  })

  test.for([
    ['a masked frame', frame(text, 'masked'), 1002],
    ['a reserved bit', frame(text, 'x', { rsv: 2, mask: false }), 1002],
    ['a reserved opcode', frame(3, 'x', { mask: false }), 1002],
    ['text that is not UTF-8', fromServer(text, Uint8Array.of(0xff)), 1007],
    ['a ping of 126 bytes', fromServer(ping, 'x'.repeat(126)), 1002],
    ['a close code that must not be sent', fromServer(close, closePayload(1005)), 1002],
    ['a length above 2⁶³', Buffer.from([0x82, 127, 0xff, 0, 0, 0, 0, 0, 0, 0]), 1009],
  ] as const)('by a violation of the backend ends the client without a close frame: %s', async ([, bytes, code]) => {
    const { promise, resolve } = Promise.withResolvers<Buffer>()
    const backend = await startRaw((socket, request) => {
      socket.write(answerTo(request))
      socket.write(Buffer.concat([fromServer(text, 'before'), bytes]))
      socket.once('data', resolve).resume()
    })
    const raw = await connectRaw((await relayTo(backend.url)).url)
    expect(String((await raw.frame()).payload)).toBe('before')
    expect(await raw.end()).toHaveLength(0)
    const answer = await promise
    const unmasked = Buffer.from(answer.subarray(6, 8).map((byte, i) => byte ^ (answer[2 + i] as number)))
    expect([answer[0], unmasked.readUInt16BE(0)]).toEqual([0x88, code])
  })

  test('leaves no timer behind if the client is gone before the answer', async () => {
    const backend = await startRaw((socket, request) => {
      socket.write(answerTo(request))
      socket.resume().once('data', () => setTimeout(() => socket.end(fromServer(close, closePayload(1000))), 100))
    })
    const { url, registry } = await relayTo(backend.url)
    const timers = () => process.getActiveResourcesInfo().filter(name => name === 'Timeout').length
    const before = timers()
    const { socket } = await connectRaw(url)
    socket.write(frame(close, closePayload(1000)), () => socket.resetAndDestroy())
    await expect.poll(() => registry.upstreams.size).toBe(1)
    await expect.poll(() => registry.isEmpty).toBe(true)
    await expect.poll(timers, { timeout: 5000 }).toBe(before)
  })

  test('of the server closes both sides with 1001', async () => {
    const backend = await startWs()
    const { promise, resolve } = Promise.withResolvers<number>()
    backend.wss.on('connection', socket => socket.on('close', resolve))
    const { url, server } = await relayTo(backend.url, { SHUTDOWN_TIMEOUT: '5s' })
    const client = await connect(url)
    const begin = performance.now()
    await server.close()
    expect(performance.now() - begin).toBeLessThan(4000)
    expect(await client.closed).toMatchObject({ code: 1001 })
    expect(await promise).toBe(1001)
  })

  test('of the server comes within SHUTDOWN_TIMEOUT, even if the backend is silent', async () => {
    const backend = await startPassive()
    const { url, server, registry } = await relayTo(backend.url, { SHUTDOWN_TIMEOUT: '200ms' })
    await connect(url)
    await server.close()
    expect(registry.isEmpty).toBe(true)
  })
})

describe('a backend that leaves during handshake-delay', () => {
  test.for(['FIN', 'RST'])('ends the handshake: %s', async how => {
    const backend = await startRaw((socket, request) => {
      socket.write(answerTo(request), () => (how === 'FIN' ? socket.resume().end() : socket.resetAndDestroy()))
    })
    const { url, registry } = await relayTo(backend.url)
    await expect(connect(`${url}?handshake-delay=300ms`)).rejects.toThrow()
    await expect.poll(() => registry.isEmpty).toBe(true)
  })

  test('does not take its messages with it', async () => {
    const backend = await startRaw((socket, request) => {
      const frames = [fromServer(text, 'first'), fromServer(close, closePayload(4000))]
      socket.end(Buffer.concat([Buffer.from(answerTo(request)), ...frames]))
    })
    const client = await connect(`${(await relayTo(backend.url)).url}?handshake-delay=300ms`)
    expect(await client.next()).toBe('first')
    expect(await client.closed).toMatchObject({ code: 4000 })
  })
})
