import { randomBytes } from 'node:crypto'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { connect } from '../suite/client.ts'
import { deflate, inflate } from '../suite/deflate.ts'
import { closePayload, connectRaw, frame, opcodes } from '../suite/raw-client.ts'
import { run } from './run.ts'
import { serve } from './serve.ts'

const { binary, close, continuation, ping, text } = opcodes

const headers = { 'Sec-WebSocket-Extensions': 'permessage-deflate' }
const MiB = 2 ** 20
const slow = frame(binary, deflate(Buffer.alloc(MiB - 8)), { rsv: 4 })

test.for([
  ['text that is not UTF-8', frame(text, Uint8Array.of(0xff)), 1007],
  ['a close code that may not be sent', frame(close, Uint8Array.of(0, 0)), 1002],
  ['a reserved opcode', frame(3), 1002],
] as const)(
  '%s that arrives while an earlier message is inflated fails its connection, and nothing else',
  async ([, bad, code]) => {
    const server = run(['node', 'server/main.ts'], { PORT: '0', HOST: '127.0.0.1' })
    const [, url = ''] = await server.line(/Ready on (\S+)/)
    for (let i = 0; i < 20; i++) {
      const client = await connectRaw(`${url}/raw`, headers)
      client.socket.setNoDelay()
      client.socket.write(Buffer.concat(Array.from({ length: 10 }, () => slow)))
      for (const bytes of [bad, frame(text, 'xxxxxxxx'), frame(text, 'xxxxxxxx')]) {
        client.socket.write(bytes)
        await nextTurn()
      }
      for (let replies = 0; replies < 10; replies++)
        expect(await client.frame()).toMatchObject({ opcode: binary, rsv: 4 })
      expect(await client.frame()).toMatchObject({ opcode: close, payload: closePayload(code) })
      client.socket.destroy()
    }
    const { socket, next } = await connect(url)
    socket.send('still here')
    expect(await next()).toBe('[RE]: still here')
  },
)

test('a compressed message in two frames survives a ping between them while a large reply is compressed', async () => {
  const { url } = await serve()
  const payload = Buffer.from('compressible '.repeat(1500))
  const compressed = deflate(payload)
  for (let i = 0; i < 8; i++) {
    const client = await connectRaw(`${url}raw`, headers)
    client.socket.write(
      Buffer.concat([
        frame(binary, randomBytes(MiB - 60)),
        frame(binary, compressed.subarray(0, 50), { rsv: 4, fin: false }),
        frame(ping, 'x'.repeat(125)),
        frame(continuation, compressed.subarray(50)),
      ]),
    )
    const replies = []
    while (replies.length < 3) replies.push(await client.frame())
    const messages = replies.filter(({ opcode }) => opcode === binary)
    expect(messages).toHaveLength(2)
    expect(inflate(messages[1]?.payload ?? Buffer.of()).equals(payload)).toBe(true)
    client.socket.destroy()
  }
})
