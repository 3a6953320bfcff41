import { request } from 'node:http'
import { describe, expect, test } from 'vitest'
import { WebSocket as Ws } from 'ws'
import { type Client, connect, implementations } from './client.ts'
import { closePayload, connectRaw, frame, opcodes } from './raw-client.ts'

/** A way in to the echo server: its address, and what goes before a text that comes back. */
export type Way = { url: string; prefix: string }

/**
 * Describes what every way in does alike; `way` is asked for in each test, since its port is known only then.
 * @param query of the address: one that changes nothing, or `?hello`, whose message is skipped
 */
export function describeEcho(name: string, address: () => Way, query = ''): void {
  const greets = query === '?hello'
  const way = () => ({ ...address(), url: address().url + query })
  const openRaw = async (headers?: Record<string, string>) => {
    const client = await connectRaw(way().url, headers)
    if (greets) await client.frame()
    return client
  }

  describe(name, () => {
    describe.for(Object.entries(implementations))('with %s', ([, Implementation]) => {
      const open = async (protocols?: string[]) => {
        const client = await connect(way().url, Implementation, protocols)
        if (greets) await client.next()
        return client
      }
      const echo = async (client: Client, message: string | Uint8Array<ArrayBuffer>) => {
        client.socket.send(message)
        return client.next()
      }

      test('answers text as text', async () => {
        expect(await echo(await open(), 'hello')).toBe(`${way().prefix}hello`)
      })

      test('answers binary with the same bytes as binary', async () => {
        const bytes = Uint8Array.from({ length: 256 }, (_, i) => i)
        expect(await echo(await open(), bytes)).toEqual(bytes)
      })

      test('answers empty messages', async () => {
        const client = await open()
        expect(await echo(client, '')).toBe(way().prefix)
        expect(await echo(client, new Uint8Array())).toEqual(new Uint8Array())
      })

      test('answers messages of 1 MiB', async () => {
        const client = await open()
        const text = 'ä'.repeat(2 ** 19)
        expect((await echo(client, text)) === way().prefix + text).toBe(true)
        const bytes = Uint8Array.from({ length: 2 ** 20 }, (_, i) => i % 251)
        expect(Buffer.compare((await echo(client, bytes)) as Uint8Array, bytes)).toBe(0)
      })

      test('answers many messages in order', async () => {
        const client = await open()
        const count = 1000
        for (let i = 0; i < count; i++) client.socket.send(i % 3 === 0 ? Uint8Array.of(i, i >> 8) : `message ${i}`)
        for (let i = 0; i < count; i++) {
          expect(await client.next()).toEqual(i % 3 === 0 ? Uint8Array.of(i, i >> 8) : `${way().prefix}message ${i}`)
        }
      })

      test('keeps every character', async () => {
        const text = 'naïve Ωμέγα 漢字 👩‍🚀 \0 \u2028 \u{10ffff} "\\'
        expect(await echo(await open(), text)).toBe(way().prefix + text)
      })

      test('answers a close with the same code', async () => {
        for (const code of [1000, 3000, 4999]) {
          const { socket, closed } = await open()
          socket.close(code, 'bye')
          expect(await closed).toEqual({ code, reason: 'bye', wasClean: true })
        }
      })

      test('answers a close without a code with one without a code', async () => {
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
        expect(await echo(client, text)).toBe(way().prefix + text)
      })

      test('closes with 1009 above the limit', async () => {
        const { socket, closed } = await open()
        socket.send(new Uint8Array(2 ** 20 + 1))
        expect(await closed).toMatchObject({ code: 1009 })
      })
    })

    test('answers a ping with its payload', async () => {
      const socket = new Ws(way().url)
      const pong = new Promise(resolve => socket.on('pong', resolve))
      socket.on('open', () => socket.ping('are you there?'))
      expect(String(await pong)).toBe('are you there?')
    })

    if (query === '') {
      test('takes a query for nothing of its own', async () => {
        const client = await connect(`${way().url}?token=a%20b&x`)
        client.socket.send('hello')
        expect(await client.next()).toBe(`${way().prefix}hello`)
      })
    }

    test('serves an upgrade to something else than websocket as a plain request', async () => {
      const { hostname, port, pathname, search } = new URL(way().url)
      const headers = { Connection: 'Upgrade, HTTP2-Settings', Upgrade: 'h2c', 'HTTP2-Settings': 'AAMAAABk' }
      const status = await new Promise(resolve => {
        request({ hostname, port, path: pathname + search, headers }, ({ statusCode }) => resolve(statusCode)).end()
      })
      expect(status).toBe(426)
    })

    test('sends nothing unasked', async () => {
      const { socket, frame: nextFrame } = await openRaw()
      socket.write(frame(opcodes.ping, 'first'))
      expect(await nextFrame()).toMatchObject({ opcode: opcodes.pong })
    })

    test('compresses what is worth it, and nothing under 1 KiB', async () => {
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
    ] as const)('closes with %s, and other connections go on', async ([, code, bytes]) => {
      const bystander = await openRaw()
      const { socket, frame: nextFrame } = await openRaw()
      socket.write(bytes)
      const { opcode, payload } = await nextFrame()
      expect(opcode).toBe(opcodes.close)
      expect(payload.readUInt16BE()).toBe(code)
      bystander.socket.write(frame(opcodes.text, 'still here'))
      expect((await bystander.frame()).payload.toString()).toBe(`${way().prefix}still here`)
    })
  })
}
