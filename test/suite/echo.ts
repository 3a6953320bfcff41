import { request } from 'node:http'
import { describe, expect, test } from 'vitest'
import { WebSocket as Ws } from 'ws'
import { type Client, connect, implementations } from './client.ts'
import { closePayload, connectRaw, frame, opcodes } from './raw-client.ts'

/** An address of the echo server, and the prefix of its replies to texts. */
export type Endpoint = { url: string; prefix: string }

/**
 * Defines the tests that every endpoint must pass.
 * @param address is called in each test, because the port is known only then
 * @param query is added to the address: one that changes nothing, or `?hello`, whose first message is skipped
 */
export function describeEcho(name: string, address: () => Endpoint, query = ''): void {
  const hasHello = query === '?hello'
  const endpoint = () => ({ ...address(), url: address().url + query })
  const openRaw = async (headers?: Record<string, string>) => {
    const client = await connectRaw(endpoint().url, headers)
    if (hasHello) await client.frame()
    return client
  }

  describe(name, () => {
    describe.for(Object.entries(implementations))('with %s', ([, Implementation]) => {
      const open = async (protocols?: string[]) => {
        const client = await connect(endpoint().url, Implementation, protocols)
        if (hasHello) await client.next()
        return client
      }
      const echo = async (client: Client, message: string | Uint8Array<ArrayBuffer>) => {
        client.socket.send(message)
        return client.next()
      }

      test('echoes text as text', async () => {
        expect(await echo(await open(), 'hello')).toBe(`${endpoint().prefix}hello`)
      })

      test('echoes binary messages unchanged', async () => {
        const bytes = Uint8Array.from({ length: 256 }, (_, i) => i)
        expect(await echo(await open(), bytes)).toEqual(bytes)
      })

      test('echoes empty messages', async () => {
        const client = await open()
        expect(await echo(client, '')).toBe(endpoint().prefix)
        expect(await echo(client, new Uint8Array())).toEqual(new Uint8Array())
      })

      test('echoes messages of 1 MiB', async () => {
        const client = await open()
        const text = 'ä'.repeat(2 ** 19)
        expect((await echo(client, text)) === endpoint().prefix + text).toBe(true)
        const bytes = Uint8Array.from({ length: 2 ** 20 }, (_, i) => i % 251)
        expect(Buffer.compare((await echo(client, bytes)) as Uint8Array, bytes)).toBe(0)
      })

      test('echoes many messages in order', async () => {
        const client = await open()
        const count = 1000
        for (let i = 0; i < count; i++) client.socket.send(i % 3 === 0 ? Uint8Array.of(i, i >> 8) : `message ${i}`)
        for (let i = 0; i < count; i++) {
          expect(await client.next()).toEqual(
            i % 3 === 0 ? Uint8Array.of(i, i >> 8) : `${endpoint().prefix}message ${i}`,
          )
        }
      })

      test('echoes every character', async () => {
        const text = 'naïve Ωμέγα 漢字 👩‍🚀 \0 \u2028 \u{10ffff} "\\'
        expect(await echo(await open(), text)).toBe(endpoint().prefix + text)
      })

      test('answers a close with the same code and reason', async () => {
        for (const code of [1000, 3000, 4999]) {
          const { socket, closed } = await open()
          socket.close(code, 'bye')
          expect(await closed).toEqual({ code, reason: 'bye', wasClean: true })
        }
      })

      test('answers a close without a code with a close without a code', async () => {
        const { socket, closed } = await open()
        socket.close()
        expect(await closed).toMatchObject({ code: 1005, wasClean: true })
      })

      test('chooses the first subprotocol offered', async () => {
        expect((await open(['second.example', 'first.example'])).socket.protocol).toBe('second.example')
        expect((await open()).socket.protocol).toBe('')
      })

      test('negotiates compression', async () => {
        const client = await open()
        expect(client.socket.extensions).toContain('permessage-deflate')
        const text = 'compressible '.repeat(5000)
        expect(await echo(client, text)).toBe(endpoint().prefix + text)
      })

      test('closes with 1009 above the limit', async () => {
        const { socket, closed } = await open()
        socket.send(new Uint8Array(2 ** 20 + 1))
        expect(await closed).toMatchObject({ code: 1009 })
      })
    })

    test('answers a ping with its payload', async () => {
      const socket = new Ws(endpoint().url)
      const pong = new Promise(resolve => socket.on('pong', resolve))
      socket.on('open', () => socket.ping('are you there?'))
      expect(String(await pong)).toBe('are you there?')
    })

    if (query === '') {
      test('ignores a query without faults', async () => {
        const client = await connect(`${endpoint().url}?token=a%20b&x`)
        client.socket.send('hello')
        expect(await client.next()).toBe(`${endpoint().prefix}hello`)
      })
    }

    test('treats an upgrade to another protocol as a plain request', async () => {
      const { hostname, port, pathname, search } = new URL(endpoint().url)
      const headers = { Connection: 'Upgrade, HTTP2-Settings', Upgrade: 'h2c', 'HTTP2-Settings': 'AAMAAABk' }
      const status = await new Promise(resolve => {
        request({ hostname, port, path: pathname + search, headers }, ({ statusCode }) => resolve(statusCode)).end()
      })
      expect(status).toBe(426)
    })

    test('never sends first', async () => {
      const { socket, frame: nextFrame } = await openRaw()
      socket.write(frame(opcodes.ping, 'first'))
      expect(await nextFrame()).toMatchObject({ opcode: opcodes.pong })
    })

    test('compresses long replies, and none under 1 KiB', async () => {
      const {
        socket,
        head,
        frame: nextFrame,
      } = await openRaw({ 'Sec-WebSocket-Extensions': 'permessage-deflate; client_max_window_bits' })
      expect(head).toMatch(
        /^sec-websocket-extensions: permessage-deflate; server_no_context_takeover; client_no_context_takeover$/im,
      )
      socket.write(frame(opcodes.binary, new Uint8Array(1023)))
      expect(await nextFrame()).toMatchObject({ rsv: 0, payload: { length: 1023 } })
      socket.write(frame(opcodes.binary, new Uint8Array(65_536)))
      const compressed = await nextFrame()
      expect(compressed.rsv).toBe(4)
      expect(compressed.payload.length).toBeLessThan(1000)
    })

    test.for([
      ['1002 for a frame without a mask', 1002, frame(opcodes.text, 'hello', { mask: false })],
      ['1002 for a reserved bit', 1002, frame(opcodes.text, 'hello', { rsv: 1 })],
      ['1002 for a reserved opcode', 1002, frame(3, 'hello')],
      ['1002 for a close code that may not be sent', 1002, frame(opcodes.close, closePayload(1005))],
      ['1007 for text that is not UTF-8', 1007, frame(opcodes.text, Uint8Array.of(0xc3, 0x28))],
    ] as const)('closes with %s, and other connections stay open', async ([, code, bytes]) => {
      const bystander = await openRaw()
      const { socket, frame: nextFrame } = await openRaw()
      socket.write(bytes)
      const { opcode, payload } = await nextFrame()
      expect(opcode).toBe(opcodes.close)
      expect(payload.readUInt16BE()).toBe(code)
      bystander.socket.write(frame(opcodes.text, 'still here'))
      expect((await bystander.frame()).payload.toString()).toBe(`${endpoint().prefix}still here`)
    })
  })
}
