import { once } from 'node:events'
import { platform } from 'node:os'
import { expect, test } from 'vitest'
import { connect } from '../suite/client.ts'
import { connectRaw, frame, opcodes } from '../suite/raw-client.ts'
import { run } from './run.ts'
import { serve } from './serve.ts'

const status = async (url: string, headers?: Record<string, string>) => (await connectRaw(url, headers)).head

test('MAX_CONNECTIONS refuses more with 503 and Retry-After, stays healthy, and accepts some again', async () => {
  const { url, http } = await serve({ MAX_CONNECTIONS: '2' })
  const first = await connect(url)
  await connect(url)
  expect(await status(url)).toMatch(/^HTTP\/1.1 503 .*^Retry-After: 1$/ims)
  const plain = await fetch(`${http}any`)
  expect(plain.status).toBe(503)
  expect(await plain.text()).toBe('The server is full\n')
  expect((await fetch(`${http}healthz`)).status).toBe(200)
  first.socket.close()
  await first.closed
  expect(await status(url)).toMatch(/^HTTP\/1.1 101 /)
})

test('delayed handshakes count towards MAX_CONNECTIONS', async () => {
  const { url } = await serve({ MAX_CONNECTIONS: '1' })
  const late = connectRaw(`${url}?handshake-delay=5m`)
  late.catch(() => {})
  const head = async () => {
    const { head, socket } = await connectRaw(url)
    socket.destroy()
    return head
  }
  await expect.poll(head).toMatch(/^HTTP\/1.1 503 /)
})

test('MAX_CONNECTIONS_PER_IP counts by the address in the log', async () => {
  const { url, log } = await serve({ MAX_CONNECTIONS_PER_IP: '2', TRUSTED_PROXIES: '127.0.0.1' })
  const from = (address: string) => connectRaw(url, { 'X-Forwarded-For': address })
  const first = await from('192.0.2.1')
  await from('192.0.2.1')
  expect((await from('192.0.2.1')).head).toMatch(/^HTTP\/1.1 503 .*^Retry-After: 1$/ims)
  expect((await from('192.0.2.2')).head).toMatch(/^HTTP\/1.1 101 /)
  first.socket.destroy()
  await expect.poll(async () => (await from('192.0.2.1')).head).toMatch(/^HTTP\/1.1 101 /)
  expect(new Set(log.map(({ address }) => address))).toContain('192.0.2.1')
})

test('a full server does not answer a proxy that has another replica', async () => {
  const { url } = await serve({ MAX_CONNECTIONS: '1' })
  await connect(url)
  await expect(connectRaw(url, { 'X-Next-Replica': 'yes' })).rejects.toThrow('ended with 0 bytes')
  expect(await status(url, { 'X-Next-Replica': '' })).toMatch(/^HTTP\/1.1 503 /)
})

test('too large header blocks are refused with 431', async () => {
  const { url } = await serve()
  const { head, socket } = await connectRaw(url, { 'X-Huge': 'x'.repeat(20_000) })
  expect(head).toMatch(/^HTTP\/1.1 431 /)
  await once(socket, 'close')
})

test.skipIf(platform() === 'win32')(
  'it survives running out of file descriptors, and accepts connections when some are free again',
  async () => {
    const server = run(['sh', '-c', 'ulimit -n 50 && exec node server/main.ts'], { PORT: '0', HOST: '127.0.0.1' })
    const [, url = ''] = await server.line(/Ready on (\S+)/)
    const outcomes = await Promise.allSettled(Array.from({ length: 80 }, () => connectRaw(url)))
    const open = outcomes.flatMap(outcome => (outcome.status === 'fulfilled' ? [outcome.value] : []))
    expect(open.length).toBeGreaterThan(5)
    expect(open.length).toBeLessThan(60)
    for (const { socket } of open.slice(5)) socket.destroy()
    const answer = async () => {
      const { socket, next } = await connect(url)
      socket.send('hello')
      return next()
    }
    await expect.poll(answer).toBe('[RE]: hello')
    const [kept] = open
    kept?.socket.write(frame(opcodes.text, 'still here'))
    expect((await kept?.frame())?.payload.toString()).toBe('[RE]: still here')
  },
)
