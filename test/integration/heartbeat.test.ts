import { expect, onTestFinished, test, vi } from 'vitest'
import { connectRaw, frame, opcodes } from '../suite/raw-client.ts'
import { serve } from './serve.ts'

test('a peer that never answers is ended when the next ping is due', async () => {
  const { url } = await serve({ HEARTBEAT_INTERVAL: '100ms' })
  const { frame: nextFrame, end } = await connectRaw(url)
  expect(await nextFrame()).toMatchObject({ opcode: opcodes.ping })
  expect(await end()).toHaveLength(0)
})

test.for([
  ['pongs', () => frame(opcodes.pong)],
  ['messages', () => frame(opcodes.text, 'still here')],
  ['a frame byte by byte', (ping: number) => frame(opcodes.binary, new Uint8Array(100)).subarray(ping, ping + 1)],
] as const)('a peer that sends %s is alive', async ([, bytes]) => {
  const { url } = await serve({ HEARTBEAT_INTERVAL: '100ms' })
  const { socket, frame: nextFrame } = await connectRaw(url)
  for (let pings = 0; pings < 4; ) {
    const { opcode } = await nextFrame()
    if (opcode === opcodes.ping) socket.write(bytes(pings++))
  }
})

test('HEARTBEAT_INTERVAL=0 sends no ping', async () => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] })
  onTestFinished(() => void vi.useRealTimers())
  const { url, server } = await serve({ HEARTBEAT_INTERVAL: '0' })
  const { frame: nextFrame } = await connectRaw(url)
  vi.advanceTimersByTime(3_600_000)
  server.close()
  expect(await nextFrame()).toMatchObject({ opcode: opcodes.close })
})
