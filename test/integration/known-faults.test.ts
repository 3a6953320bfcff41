import { expect, test } from 'vitest'
import { createProgram } from '../bench/peer.ts'
import { connect } from '../suite/client.ts'
import { closePayload, connectRaw, frame, opcodes } from '../suite/raw-client.ts'
import { serve } from './serve.ts'

// Each of these fails until the server is mended; then `fails` goes, and so does its entry in test/fuzz/visit.ts, if it has one.

const { text, close } = opcodes

test.fails('a close fault that strikes once the client has closed ends the connection at once', async () => {
  const { url } = await serve()
  const client = await connectRaw(`${url}?close=1011&after=1&rate=50000`)
  // The reply takes 200 ms at this rate, and the client closes meanwhile.
  client.socket.write(Buffer.concat([frame(text, 'x'.repeat(10_000)), frame(close, closePayload(1000))]))
  const ended = client.end().then(() => 'ended')
  const late = new Promise(resolve => setTimeout(resolve, 3000, 'still open after 3 s'))
  expect(await Promise.race([ended, late])).toBe('ended')
  client.socket.destroy()
})

test.fails('a client that reads thousands of replies to each of its messages holds nobody up', async () => {
  // A process of its own, so that the client reads while the server writes.
  await using server = await createProgram('server', { file: '../../server/main.ts' }).start()
  const bystander = await connect(server.url)
  const greedy = await connectRaw(`${server.url}?repeat=1000`)
  greedy.socket.removeAllListeners('data').resume()
  greedy.socket.write(Buffer.concat(Array<Buffer>(4000).fill(frame(text))))
  await new Promise(resolve => setTimeout(resolve, 100))
  bystander.socket.send('hello')
  const late = new Promise(resolve => setTimeout(resolve, 2000, 'no reply in 2 s'))
  expect(await Promise.race([bystander.next(), late])).toBe('[RE]: hello')
  greedy.socket.destroy()
})
