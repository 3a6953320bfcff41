import { once } from 'node:events'
import { beforeAll, describe, expect, inject, test } from 'vitest'
import { describeFaults } from '../suite/faults.ts'
import { describeHandshakes } from '../suite/handshakes.ts'
import { connectRaw, frame, opcodes } from '../suite/raw-client.ts'
import { addressOf, startStack } from './stack.ts'

const stack = inject('stack')

describe.skipIf(!stack)('through NGINX', () => {
  for (const [name, address] of [
    ['on port 7777', () => `${stack?.ws}raw`],
    ['on the page’s port', () => `${stack?.page.replace('http:', 'ws:')}raw`],
  ] as const) {
    describeFaults(name, address)
    describeHandshakes(`${name}, the handshake`, address)
  }
})

describe.skipIf(!stack)('at the container’s own address', () => {
  let url: string
  beforeAll(async () => {
    const { servers, down } = await startStack()
    const [address] = await Promise.all(servers.map(addressOf))
    url = `ws://${address}:7777/`
    return down
  })

  test('drop=rst arrives as a reset', async () => {
    const { socket } = await connectRaw(`${url}?drop=rst&after=1`)
    socket.write(frame(opcodes.text, 'last words'))
    const [error] = await once(socket, 'error')
    expect(error).toMatchObject({ code: 'ECONNRESET' })
  })
})
