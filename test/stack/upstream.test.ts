import { mkdtemp, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeAll, describe, expect, inject, test } from 'vitest'
import { connect } from '../suite/client.ts'
import { describeEcho } from '../suite/echo.ts'
import { connectRaw } from '../suite/raw-client.ts'
import { serverImage, startStack } from './stack.ts'

const stack = inject('stack')

describe.skipIf(!stack)('in front of a backend in the same Compose project', () => {
  let [ws, page] = ['', '']
  beforeAll(async () => {
    const file = join(await mkdtemp(join(tmpdir(), 'upstream-')), 'compose.yml')
    // As in docs/upstream.md.
    const services = {
      server: { environment: { UPSTREAM: 'ws://backend:7777' } },
      backend: { image: await serverImage(), environment: { REPLY_PREFIX: '', NO_FAULTS: '1' } },
    }
    await writeFile(file, JSON.stringify({ services }))
    const started = await startStack({ overrides: [file] })
    ws = started.ws
    page = started.page.replace('http:', 'ws:')
    return started.down
  })

  describeEcho('on port 7777', () => ({ url: ws, prefix: '' }))
  describeEcho('on the page’s port', () => ({ url: `${page}ws`, prefix: '' }))

  test('/echo and /raw are answered by the server', async () => {
    for (const [url, reply] of [
      [`${ws}echo`, '[RE]: hello'],
      [`${ws}raw`, 'hello'],
      [ws, 'hello'],
    ] as const) {
      const client = await connect(url)
      client.socket.send('hello')
      expect(await client.next()).toBe(reply)
    }
  })

  test('hello names the backend', async () => {
    for (const url of [`${ws}chat?hello`, `${page}ws?hello`]) {
      const client = await connect(url)
      expect(JSON.parse(String(await client.next()))).toMatchObject({ upstream: 'ws://backend:7777' })
    }
  })

  test('faults apply, and the backend does not see them', async () => {
    const client = await connect(`${ws}?repeat=2&up-delay=10ms&close=4000&after=2`)
    client.socket.send('hello')
    expect([await client.next(), await client.next()]).toEqual(['hello', 'hello'])
  })
})

describe.skipIf(!stack)('in front of the NGINX that leads to it', () => {
  test.for([1, 2])('a handshake gets 508 and the reason, with %d replicas', async replicas => {
    const started = await startStack({ env: { UPSTREAM: 'ws://client:7777' }, replicas })
    try {
      const raw = await connectRaw(started.ws)
      expect(raw.head).toMatch(/^HTTP\/1.1 508 /)
      const length = Number(/^content-length: (\d+)/im.exec(raw.head)?.[1])
      expect(String(await raw.bytes(length))).toBe('The backend ws://client:7777 leads back to this server\n')
    } finally {
      await started.down()
    }
  })
})

describe.skipIf(!stack)('in front of a backend that is missing', () => {
  test('a handshake gets 502 and the reason, also through NGINX', async () => {
    const started = await startStack({ env: { UPSTREAM: 'ws://127.0.0.1:9' } })
    try {
      for (const url of [started.ws, `${started.page.replace('http:', 'ws:')}ws`]) {
        const raw = await connectRaw(url)
        expect(raw.head).toMatch(/^HTTP\/1.1 502 /)
        const length = Number(/^content-length: (\d+)/im.exec(raw.head)?.[1])
        expect(String(await raw.bytes(length))).toContain(
          'The handshake with the backend ws://127.0.0.1:9 failed: connect ECONNREFUSED',
        )
      }
    } finally {
      await started.down()
    }
  })
})
