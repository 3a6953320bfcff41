import { expect, test } from 'vitest'
import { closePayload, connectRaw, frame, opcodes } from '../suite/raw-client.ts'
import { serve } from './serve.ts'

// Each of these fails until the server is mended; then `fails` goes, and so does its entry in test/fuzz/visit.ts.

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
