import { request } from 'node:http'
import { describe, expect, test } from 'vitest'
import { connect, implementations } from './client.ts'
import { closePayload, connectRaw, frame, opcodes, type RawClient } from './raw-client.ts'

const { binary, close, ping, pong, text, continuation } = opcodes

/** Makes a handshake that must be refused, and returns the response. */
async function expectRefusal(url: string, headers: Record<string, string> = {}) {
  const { promise, resolve, reject } = Promise.withResolvers<{ status: number; body: string }>()
  const asked = request(url.replace('ws:', 'http:'), {
    headers: {
      Upgrade: 'websocket',
      Connection: 'Upgrade',
      'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==',
      'Sec-WebSocket-Version': '13',
      ...headers,
    },
  })
  asked.on('response', async response => {
    const body = Buffer.concat(await Array.fromAsync(response)).toString()
    resolve({ status: response.statusCode ?? 0, body })
  })
  asked.on('upgrade', (_response, socket) => {
    socket.destroy()
    reject(new Error('not refused'))
  })
  asked.on('error', reject)
  asked.end()
  return promise
}

const send = ({ socket }: RawClient, ...payloads: string[]) => {
  for (const payload of payloads) socket.write(frame(text, payload))
}

const texts = async (client: RawClient, count: number) => {
  const all: string[] = []
  while (all.length < count) all.push((await client.frame()).payload.toString())
  return all
}

/**
 * Defines the tests of faults that every endpoint must pass.
 * @param address of a path that echoes verbatim
 * @param isRelayed whether the echo is behind a relay, which passes on unknown parameters
 */
export function describeFaults(name: string, address: () => string, isRelayed = false): void {
  const url = (query: string) => `${address()}?${query}`
  const open = (query: string, headers?: Record<string, string>) => connectRaw(url(query), headers)

  /** Serves other clients, so that anything sent before has arrived. */
  const serveOthers = async () => {
    for (let i = 0; i < 20; i++) {
      const client = await connectRaw(address())
      send(client, 'meanwhile')
      await client.frame()
      client.socket.destroy()
    }
  }

  describe(name, () => {
    test('delay holds back each reply, but not pongs', async () => {
      const client = await open('delay=200ms')
      const sent = performance.now()
      send(client, 'one', 'two')
      client.socket.write(frame(ping, 'at once'))
      expect(await client.frame()).toMatchObject({ opcode: pong })
      expect(await texts(client, 2)).toEqual(['one', 'two'])
      expect(performance.now() - sent).toBeGreaterThanOrEqual(200)
    })

    test('jitter varies the delay within its bounds, and keeps the order', async () => {
      const client = await open('delay=100ms&jitter=50ms')
      const sent = performance.now()
      const all = Array.from({ length: 50 }, (_, i) => `message ${i}`)
      send(client, ...all)
      expect(await texts(client, 1)).toEqual(['message 0'])
      expect(performance.now() - sent).toBeGreaterThanOrEqual(50)
      expect(await texts(client, 49)).toEqual(all.slice(1))
    })

    test('loss drops that share of the replies, the same ones with the same seed', async () => {
      const all = Array.from({ length: 400 }, (_, i) => `${i}`)
      const survivors = async (query: string) => {
        const client = await open(`${query}&close=1000&after=400`)
        send(client, ...all)
        const received: string[] = []
        for (let next = await client.frame(); next.opcode === text; next = await client.frame()) {
          received.push(next.payload.toString())
        }
        return received
      }
      const some = await survivors('loss=0.5&seed=7')
      expect(some.length).toBeGreaterThan(140)
      expect(some.length).toBeLessThan(260)
      expect(await survivors('loss=50%25&seed=7')).toEqual(some)
      expect(await survivors('loss=50%&seed=7')).toEqual(some)
      expect(await survivors('seed=8&loss=0.5')).not.toEqual(some)
      expect(await survivors('loss=0')).toEqual(all)
      expect(await survivors('loss=1')).toEqual([])
    })

    test('repeat answers each message this many times', async () => {
      const client = await open('repeat=3')
      send(client, 'a', 'b')
      expect(await texts(client, 6)).toEqual(['a', 'a', 'a', 'b', 'b', 'b'])
    })

    test('fragment limits the bytes per frame', async () => {
      const client = await open('fragment=4')
      send(client, 'hello you', '')
      client.socket.write(frame(binary, 'four'))
      for (const expected of [
        { fin: false, rsv: 0, opcode: text, payload: Buffer.from('hell') },
        { fin: false, rsv: 0, opcode: continuation, payload: Buffer.from('o yo') },
        { fin: true, rsv: 0, opcode: continuation, payload: Buffer.from('u') },
        { fin: true, rsv: 0, opcode: text, payload: Buffer.alloc(0) },
        { fin: true, rsv: 0, opcode: binary, payload: Buffer.from('four') },
      ]) {
        expect(await client.frame()).toEqual(expected)
      }
    })

    test('fragment does not change large messages, even with compression', async () => {
      const bytes = Uint8Array.from({ length: 300_000 }, (_, i) => i % 251)
      const { socket, next } = await connect(url('fragment=100'))
      socket.send(bytes)
      expect(Buffer.compare((await next()) as Uint8Array, bytes)).toBe(0)
    })

    test('rate limits the bytes per second', async () => {
      const client = await open('rate=4KiB')
      const sent = performance.now()
      client.socket.write(frame(binary, new Uint8Array(2044)))
      expect((await client.frame()).payload).toHaveLength(2044)
      expect(performance.now() - sent).toBeGreaterThanOrEqual(500)
    })

    test('tick pushes numbered texts, independent of the replies', async () => {
      const client = await open('tick=20ms&delay=10s')
      send(client, 'late')
      expect(await texts(client, 3)).toEqual(['tick 1', 'tick 2', 'tick 3'])
    })

    test('ping sets the interval of the server’s pings', async () => {
      const client = await open('ping=50ms')
      for (let i = 0; i < 3; i++) {
        expect(await client.frame()).toMatchObject({ opcode: ping })
        client.socket.write(frame(pong))
      }
      expect(await client.frame()).toMatchObject({ opcode: ping })
      expect(await client.end()).toHaveLength(0)
    })

    test('pings=ignore answers no pings and sends none', async () => {
      const client = await open('pings=ignore&ping=10ms&delay=100ms')
      client.socket.write(frame(ping, 'anybody?'))
      send(client, 'hello')
      expect(await client.frame()).toMatchObject({ opcode: text, payload: Buffer.from('hello') })
    })

    test.for([1000, 1003, 1007, 1011, 1014, 3000, 4999])(
      'close=%i closes with this code and the reason',
      async code => {
        const client = await open(`close=${code}&reason=so%20be%20it`)
        expect(await client.frame()).toMatchObject({ opcode: close, payload: closePayload(code, 'so be it') })
        client.socket.write(frame(close, closePayload(code)))
        expect(await client.end()).toHaveLength(0)
      },
    )

    test('drop=fin ends the connection without a close frame', async () => {
      const client = await open('drop=fin')
      expect(await client.end()).toHaveLength(0)
    })

    test('drop=rst ends the connection without a close frame', async () => {
      const client = await open('drop=rst')
      expect(await client.end()).toHaveLength(0)
    })

    test('stall sends nothing more, and keeps the connection open', async () => {
      const client = await open('stall&tick=10ms&ping=10ms&after=1')
      send(client, 'first', 'second')
      client.socket.write(frame(ping))
      for (let next = await client.frame(); next.payload.toString() !== 'first'; ) next = await client.frame()
      send(client, 'third')
      client.socket.write(frame(close, closePayload(1000)))
      await serveOthers()
      expect(client.socket.readyState).toBe('open')
      client.socket.destroy()
      await expect(client.frame()).rejects.toThrow('ended with 0 bytes left')
    })

    test.for([
      ['utf8', '8101ff'],
      ['rsv', 'a1056865 6c6c6f'],
      ['opcode', '83056865 6c6c6f'],
      ['mask', '8185 01234567 6946290b6e'],
      ['length', '817f 8000000000000000'],
      ['close-code', '880203ed'],
      ['close-1', '880103'],
      ['close-utf8', '880303e8 ff'],
      ['ping', `897e007e ${'70'.repeat(126)}`],
      ['fragmented-ping', '090468616c66'],
      ['continuation', '80056865 6c6c6f'],
      ['text-in-fragment', '01026865 810677697468696e'],
      ['deflate', 'c202ffff'],
    ] as const)('corrupt=%s replaces one reply by a frame that breaks the protocol', async ([kind, hex]) => {
      const expected = Buffer.from(hex.replaceAll(' ', ''), 'hex')
      const client = await open(`corrupt=${kind}`)
      send(client, 'hello', 'again')
      expect(await client.bytes(expected.length)).toEqual(expected)
      expect(await client.frame()).toMatchObject({ opcode: text, payload: Buffer.from('again') })
    })

    test('corrupt=unfinished sends half a frame and ends the connection', async () => {
      const client = await open('corrupt=unfinished&after=1')
      send(client, 'whole', 'hello')
      expect(await texts(client, 1)).toEqual(['whole'])
      expect(await client.end()).toEqual(Buffer.from([0x81, 5, 0x68, 0x65]))
    })

    test('corrupt=unfinished sends nothing behind the half frame, even if that leaves slowly', async () => {
      const client = await open('corrupt=unfinished&slice=1')
      // The pong of a relay leaves before the reply.
      const between = isRelayed ? [] : [frame(ping, 'x')]
      client.socket.write(Buffer.concat([frame(text, 'hello'), ...between, frame(close, closePayload(1000))]))
      expect(await client.end()).toEqual(Buffer.from([0x81, 5, 0x68, 0x65]))
    })

    test('slice sends everything in pieces of at most this size, without changing it', async () => {
      const client = await open('slice=3')
      const sent = performance.now()
      send(client, 'a text of 28 characters, yes')
      const { payload } = await client.frame()
      // 30 bytes leave in ten slices, 2 ms apart.
      expect(performance.now() - sent).toBeGreaterThanOrEqual(18)
      expect(payload.toString()).toBe('a text of 28 characters, yes')
    })

    test('read-rate limits the bytes that are read per second', async () => {
      const client = await open('read-rate=4KiB')
      const sent = performance.now()
      client.socket.write(frame(binary, new Uint8Array(2040)))
      send(client, 'next')
      expect((await client.frame()).payload).toHaveLength(2040)
      expect(performance.now() - sent).toBeGreaterThanOrEqual(450)
      expect(await texts(client, 1)).toEqual(['next'])
    })

    test('message sends these texts first', async () => {
      const client = await open('message=w%C3%A9lcome&message=&message=3&hello')
      send(client, 'hello')
      const [hello, ...rest] = await texts(client, 5)
      expect(JSON.parse(hello ?? '')).toMatchObject({ query: expect.stringContaining('message') })
      expect(rest).toEqual(['wélcome', '', '3', 'hello'])
    })

    test('tick sends the texts of message one after the other', async () => {
      const client = await open('tick=10ms&message=a&message=b')
      expect(await texts(client, 5)).toEqual(['a', 'b', 'a', 'b', 'a'])
    })

    test('close-delay answers the close frame late, after the replies that are due', async () => {
      const client = await open('close-delay=200ms')
      const sent = performance.now()
      send(client, 'last')
      client.socket.write(frame(close, closePayload(4000, 'bye')))
      expect(await texts(client, 1)).toEqual(['last'])
      expect(await client.frame()).toMatchObject({ opcode: close, payload: closePayload(4000, 'bye') })
      expect(performance.now() - sent).toBeGreaterThanOrEqual(200)
      expect(await client.end()).toHaveLength(0)
    })

    test('close-reply answers the close frame with another code', async () => {
      const client = await open('close-reply=1011&close-delay=10ms')
      client.socket.write(frame(close, closePayload(1000, 'bye')))
      expect(await client.frame()).toMatchObject({ opcode: close, payload: closePayload(1011) })
      expect(await client.end()).toHaveLength(0)
    })

    test('close-reply=none sends nothing after a close frame, and waits until the client ends the connection', async () => {
      const client = await open('close-reply=none&tick=10ms&message=tick')
      send(client, 'last')
      client.socket.write(frame(close, closePayload(1000)))
      for (let next = await client.frame(); next.payload.toString() !== 'last'; ) next = await client.frame()
      await serveOthers()
      expect(client.socket.readyState).toBe('open')
      client.socket.end()
      const rest = await client.end()
      expect(rest.includes(Buffer.of(0x88))).toBe(false)
    })

    test.for(Object.keys(implementations) as (keyof typeof implementations)[])('%s reports each fault', async which => {
      const meet = async (query: string) => {
        const { socket, closed } = await connect(url(query), implementations[which])
        socket.send('hello')
        return closed
      }
      expect(await meet('close=4000&reason=overloaded')).toMatchObject({ code: 4000, reason: 'overloaded' })
      for (const query of ['drop=fin', 'drop=rst', 'corrupt=rsv', 'corrupt=opcode', 'corrupt=mask', 'corrupt=length']) {
        expect(await meet(query)).toMatchObject({ code: 1006, wasClean: false })
      }
      for (const query of ['reject=503', 'handshake=wrong-accept', 'handshake=wrong-subprotocol', 'loss=2']) {
        await expect(connect(url(query), implementations[which])).rejects.toThrow("can't connect")
      }
    })

    test.for(['close=1011', 'drop=fin', 'drop=rst', 'stall', 'corrupt=utf8'])(
      '%s after a number of messages sends their replies first',
      async fault => {
        const client = await open(`${fault}&after=3&delay=50ms&repeat=2`)
        send(client, 'a', 'b', 'c', 'd')
        expect(await texts(client, 6)).toEqual(['a', 'a', 'b', 'b', 'c', 'c'])
        if (fault === 'stall') {
          await serveOthers()
          client.socket.destroy()
          await expect(client.frame()).rejects.toThrow('ended with 0 bytes left')
        } else if (fault === 'close=1011') {
          expect(await client.frame()).toMatchObject({ opcode: close, payload: closePayload(1011) })
        } else if (fault === 'corrupt=utf8') {
          expect(await client.frame()).toMatchObject({ opcode: text, payload: Buffer.of(0xff) })
          expect(await texts(client, 1)).toEqual(['d'])
        } else {
          expect(await client.end()).toHaveLength(0)
        }
      },
    )

    test.for(['close=1011', 'drop=fin', 'drop=rst'])('%s after a time drops delayed replies', async fault => {
      const opened = performance.now()
      const client = await open(`${fault}&after=200ms&delay=10s`)
      send(client, 'too late')
      const rest = fault === 'close=1011' ? (await client.frame()).payload.subarray(0, 2) : await client.end()
      expect(performance.now() - opened).toBeGreaterThanOrEqual(200)
      expect(rest).toEqual(fault === 'close=1011' ? closePayload(1011) : Buffer.alloc(0))
    })

    test.for([400, 404, 426, 503, 599])('reject=%i refuses the handshake with this status', async status => {
      expect((await expectRefusal(url(`reject=${status}`))).status).toBe(status)
      const plain = await fetch(url(`reject=${status}`).replace('ws:', 'http:'))
      expect(plain.status).toBe(status)
      expect(await plain.text()).toContain(`Refused with ${status} because of reject=${status}`)
      await serveOthers()
    })

    test('handshake=wrong-accept sends an accept header for another key', async () => {
      const { head } = await open('handshake=wrong-accept')
      expect(head).toMatch(/^HTTP\/1.1 101 /)
      expect(head).toMatch(/^sec-websocket-accept: .+=$/im)
      expect(head).not.toContain('s3pPLMBiTxaQ9kYGzzhZRbK+xOo=')
    })

    test.for([undefined, 'a, b'])('handshake=wrong-subprotocol chooses one that was not offered: %s', async offered => {
      const { head } = await open(
        'handshake=wrong-subprotocol',
        offered === undefined ? {} : { 'Sec-WebSocket-Protocol': offered },
      )
      const [, chosen] = /^sec-websocket-protocol: (\S+)$/im.exec(head) ?? []
      expect(chosen).toMatch(/^not-/)
    })

    test('handshake-delay delays the 101', async () => {
      const asked = performance.now()
      const client = await open('handshake-delay=200ms')
      expect(performance.now() - asked).toBeGreaterThanOrEqual(200)
      send(client, 'hello')
      expect(await texts(client, 1)).toEqual(['hello'])
    })

    test('hello describes the handshake in the first message', async () => {
      const client = await open('hello&tick=10ms', {
        'X-Custom': 'as it came',
        'Sec-WebSocket-Protocol': 'b, a',
        'Sec-WebSocket-Extensions': 'permessage-deflate',
      })
      const hello = JSON.parse((await client.frame()).payload.toString())
      expect(hello).toMatchObject({
        connection: expect.any(Number),
        host: expect.any(String),
        path: new URL(address()).pathname,
        query: 'hello&tick=10ms',
        remoteAddress: expect.stringMatching(/^[\d.:a-f]+$/),
        subprotocol: { offered: 'b, a', chosen: 'b' },
        extensions: {
          offered: 'permessage-deflate',
          chosen: 'permessage-deflate; server_no_context_takeover; client_no_context_takeover',
        },
      })
      const names = hello.headers.map(([name]: [string]) => name.toLowerCase())
      expect(hello.headers).toContainEqual(['X-Custom', 'as it came'])
      expect(names.indexOf('x-custom')).toBeGreaterThan(names.indexOf('sec-websocket-key'))
      expect(names.indexOf('x-custom')).toBeLessThan(names.indexOf('sec-websocket-protocol'))
      expect(await texts(client, 1)).toEqual(['tick 1'])
    })

    test.for([
      ['subprotocol=b', 'b'],
      ['subprotocol=', undefined],
      ['hello', 'a'],
    ] as const)('%s chooses the subprotocol %s', async ([query, expected]) => {
      const { head } = await open(query, { 'Sec-WebSocket-Protocol': 'a, b' })
      const [, chosen] = /^sec-websocket-protocol: (\S+)$/im.exec(head) ?? []
      expect(chosen).toBe(expected)
    })

    test.for([
      ['subprotocol=c', ['subprotocol=c', 'a, b']],
      ...(isRelayed
        ? []
        : ([
            ['delay=1s&dealy=2s', ['"dealy=2s"', 'delay, jitter']],
            ['delay=1s&token=x', ['"token=x"', 'delay, jitter']],
          ] as const)),
      ['repeat=2&repeat=2', ['repeat is given more than once']],
      ['delay=6m', ['"delay=6m"', 'a duration from 0 to 5m']],
      ['loss=1.5', ['"loss=1.5"', 'a share from 0 to 1']],
      ['close=1005', ['"close=1005"', '1007 to 1014']],
      ['stall=yes', ['"stall=yes"', 'no value']],
      ['loss', ['"loss"', 'a share']],
      ['close=1000&drop=fin', ['close, drop: use only one of close, drop, stall, corrupt, redirect, reject']],
      ['after=5', ['after needs one of close, drop, stall, corrupt']],
      ['reject=503&after=5', ['after needs one of close, drop, stall, corrupt']],
      ['reason=why', ['reason needs close']],
    ] as const)('%s is refused, and the response says what is allowed', async ([query, parts]) => {
      const { status, body } = await expectRefusal(url(query), { 'Sec-WebSocket-Protocol': 'a, b' })
      expect(status).toBe(400)
      for (const part of parts) expect(body).toContain(part)
    })

    test('all problems are reported together, escaped', async () => {
      const { body } = await expectRefusal(url('delay=x&loss=%1b%5b31m&repeat=0'))
      expect(body.trim().split('\n')).toHaveLength(3)
      expect(body).toContain('"loss=\\x1b[31m"')
    })

    test.for(['token=secret', 'Delay=1s', 'x', '&&', 'delay%3D1s'])(
      '?%s names no fault and changes nothing',
      async query => {
        const client = await open(query)
        send(client, 'hello')
        expect(await texts(client, 1)).toEqual(['hello'])
      },
    )
  })
}
