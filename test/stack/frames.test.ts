import { beforeAll, describe, expect, inject, test } from 'vitest'
import { describeEcho } from '../suite/echo.ts'
import { describeFrames } from '../suite/frames.ts'
import { closePayload, connectRaw, frame, opcodes } from '../suite/raw-client.ts'
import { startStack } from './stack.ts'

const stack = inject('stack')

describe.skipIf(!stack)('through NGINX', () => {
  describeFrames('on port 7777', () => `${stack?.ws}raw`)
  test('a client that is still sending receives the close code', async () => {
    for (let i = 0; i < 100; i++) {
      const client = await connectRaw(stack?.ws ?? '')
      client.socket.setNoDelay()
      client.socket.write(frame(opcodes.text, 'no mask', { mask: false }))
      for (let j = 0; j < 500; j++) client.socket.write('more')
      expect(await client.frame()).toMatchObject({ opcode: opcodes.close, payload: closePayload(1002) })
      client.socket.destroy()
    }
  })

  describeFrames('on the page’s port', () => `${stack?.page.replace('http:', 'ws:')}raw`)
})

describe.skipIf(!stack)('through NGINX, on the fast path', () => {
  let ws: string
  beforeAll(async () => {
    const started = await startStack({ env: { LOG_LEVEL: 'info' } })
    ws = started.ws
    return started.down
  })

  describeFrames('on port 7777', () => `${ws}raw`)
  describeEcho('on port 7777', () => ({ url: ws, prefix: '[RE]: ' }))
})
