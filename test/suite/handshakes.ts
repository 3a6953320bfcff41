import { describe, expect, test } from 'vitest'
import { connectRaw, frame, opcodes, type RawClient } from './raw-client.ts'

/** Returns the values of a header in a response, in order. */
export const valuesOf = (head: string, name: string): string[] =>
  [...head.matchAll(new RegExp(`^${name}: ?(.*?)\\r?$`, 'gim'))].map(([, value = '']) => value)

const statusOf = ({ head }: RawClient) => Number(head.split(' ')[1])

const echoes = async ({ socket, frame: next }: RawClient) => {
  socket.write(frame(opcodes.text, 'hello'))
  return (await next()).payload.toString()
}

const basic = (credentials: string) => ({ Authorization: `Basic ${Buffer.from(credentials).toString('base64')}` })

/**
 * Defines the tests of answers to the handshake that every endpoint must pass.
 * @param address of a path that echoes verbatim
 */
export function describeHandshakes(name: string, address: () => string): void {
  const open = (query: string, headers?: Record<string, string>) => connectRaw(`${address()}?${query}`, headers)
  /** Makes a handshake that must be refused. NGINX keeps the connection open for another request. */
  const refused = async (query: string, headers?: Record<string, string>) => {
    const client = await open(query, headers)
    const [length = '0'] = valuesOf(client.head, 'Content-Length')
    const body = (await client.bytes(Number(length))).toString()
    client.socket.destroy()
    return { head: client.head, status: statusOf(client), body }
  }

  describe(name, () => {
    test.for([200, 204, 205, 206, 300, 304, 400, 401, 403, 405, 407, 418, 426, 429, 500, 502, 503, 504, 599])(
      'reject=%i refuses the handshake with this status',
      async status => {
        const { head, status: got, body } = await refused(`reject=${status}`)
        expect(got).toBe(status)
        const hasBody = ![204, 205, 304].includes(status)
        expect(body).toBe(hasBody ? `Refused with ${status} because of reject=${status}\n` : '')
        const length = status === 205 ? ['0'] : []
        expect(valuesOf(head, 'Content-Length')).toEqual(hasBody ? [`${body.length}`] : length)
        expect(valuesOf(head, 'Access-Control-Allow-Origin')).toEqual(['*'])
        const needed = {
          206: 'Content-Range',
          401: 'WWW-Authenticate',
          405: 'Allow',
          407: 'Proxy-Authenticate',
          426: 'Upgrade',
        }[status]
        if (needed) expect(valuesOf(head, needed)).toHaveLength(1)
      },
    )

    test('retry-after, body and header go with a refusal', async () => {
      const { head, body } = await refused(
        'reject=429&retry-after=5s&body=later&header=X-A:1&header=X-B:2&header=X-A:3',
      )
      expect(valuesOf(head, 'Retry-After')).toEqual(['5'])
      expect(valuesOf(head, 'X-A')).toEqual(['1', '3'])
      expect(valuesOf(head, 'X-B')).toEqual(['2'])
      expect(body).toBe('later\n')
    })

    test('retry-after=date:… is a date that counts from now', async () => {
      const before = Math.floor(Date.now() / 1000)
      const { head } = await refused('reject=503&retry-after=date:1m')
      const [date = ''] = valuesOf(head, 'Retry-After')
      expect(new Date(date).toUTCString()).toBe(date)
      const seconds = Date.parse(date) / 1000
      expect(seconds).toBeGreaterThanOrEqual(before + 60)
      expect(seconds).toBeLessThanOrEqual(Date.now() / 1000 + 60)
    })

    test('a header replaces the one that a status needs', async () => {
      const { head } = await refused('reject=401&header=www-authenticate:Digest realm="x"'.replaceAll(' ', '%20'))
      expect(valuesOf(head, 'WWW-Authenticate')).toEqual(['Digest realm="x"'])
    })

    test.for([301, 302, 303, 307, 308])('redirect=%i leads to a path of this server', async status => {
      const location = `/raw?subprotocol=&header=X-A:b`
      const { head, status: got } = await refused(`redirect=${status}&location=${encodeURIComponent(location)}`)
      expect(got).toBe(status)
      expect(valuesOf(head, 'Location')).toEqual([location])
      const next = await connectRaw(new URL(location, address()).href)
      expect(statusOf(next)).toBe(101)
      expect(await echoes(next)).toBe('hello')
    })

    test('auth=basic lets only handshakes with the credentials through', async () => {
      const query = 'auth=basic:us%C3%A9r:pass:w%F0%9F%94%91rd'
      for (const headers of [{}, basic('usér:wrong'), { Authorization: 'Bearer x' }, { Authorization: 'Basic' }]) {
        const { status, head } = await refused(query, headers as Record<string, string>)
        expect(status).toBe(401)
        expect(valuesOf(head, 'WWW-Authenticate')).toEqual(['Basic realm="echo", charset="UTF-8"'])
      }
      const client = await open(query, basic('usér:pass:w🔑rd'))
      expect(statusOf(client)).toBe(101)
      expect(await echoes(client)).toBe('hello')
    })

    test('auth=bearer lets only handshakes with the token through', async () => {
      const { head, status } = await refused('auth=bearer:abc.123', { Authorization: 'Bearer other' })
      expect(status).toBe(401)
      expect(valuesOf(head, 'WWW-Authenticate')).toEqual([expect.stringMatching(/^Bearer realm="echo"/)])
      for (const scheme of ['Bearer', 'bearer']) {
        expect(await echoes(await open('auth=bearer:abc.123', { Authorization: `${scheme} abc.123` }))).toBe('hello')
      }
    })

    test('auth comes before reject', async () => {
      expect((await refused('auth=bearer:a&reject=503')).status).toBe(401)
      expect((await refused('auth=bearer:a&reject=503', { Authorization: 'Bearer a' })).status).toBe(503)
    })

    test('header is on the 101, too', async () => {
      const client = await open('header=Set-Cookie:a=1;%20Path=/&header=Set-Cookie:b=2&header=X-Empty:')
      expect(statusOf(client)).toBe(101)
      expect(valuesOf(client.head, 'Set-Cookie')).toEqual(['a=1; Path=/', 'b=2'])
      expect(valuesOf(client.head, 'X-Empty')).toEqual([''])
      expect(await echoes(client)).toBe('hello')
    })

    test('compress=off accepts no compression', async () => {
      const { head } = await open('compress=off', { 'Sec-WebSocket-Extensions': 'permessage-deflate' })
      expect(valuesOf(head, 'Sec-WebSocket-Extensions')).toEqual([])
    })

    test('compress=takeover keeps the context from one message to the next', async () => {
      const client = await open('compress=takeover', { 'Sec-WebSocket-Extensions': 'permessage-deflate' })
      expect(valuesOf(client.head, 'Sec-WebSocket-Extensions')).toEqual(['permessage-deflate'])
      const text = Array.from({ length: 50 }, (_, i) => `${i * i} bottles`).join()
      for (let i = 0; i < 2; i++) client.socket.write(frame(opcodes.text, text))
      const [first, second] = [await client.frame(), await client.frame()]
      expect([first.rsv, second.rsv]).toEqual([4, 4])
      expect(second.payload.length).toBeLessThan(first.payload.length / 5)
    })

    test.for([
      [{}, 'does not offer permessage-deflate'],
      [{ 'Sec-WebSocket-Extensions': 'permessage-deflate; server_no_context_takeover' }, 'server_no_context_takeover'],
    ] as const)('compress=takeover is refused with an offer that does not allow it: %j', async ([headers, part]) => {
      const { status, body } = await refused('compress=takeover', headers)
      expect(status).toBe(400)
      expect(body).toContain('compress=takeover')
      expect(body).toContain(part)
    })

    test('corrupt=header sends a second response behind the 101', async () => {
      const client = await open('corrupt=header')
      expect(statusOf(client)).toBe(101)
      const second =
        'HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 31\r\n\r\nThis response follows the 101.\n'
      expect((await client.bytes(second.length)).toString()).toBe(second)
    })

    test.for([
      ['reject=101', '200 to 599'],
      ['reject=600', '200 to 599'],
      ['reject=503&redirect=307&location=/', 'redirect, reject: use only one of'],
      ['redirect=304&location=/', '"redirect=304": expected one of 301, 302, 303, 307, 308'],
      ['redirect=307', 'redirect needs location'],
      ['location=/', 'location needs redirect'],
      ['retry-after=5s', 'retry-after needs reject'],
      ['reject=429&retry-after=5', 'whole seconds'],
      ['reject=429&retry-after=1500ms', 'whole seconds'],
      ['reject=204&body=x', 'body does not go with reject=204'],
      [`reject=503&body=${'x'.repeat(1025)}`, 'at most 1 KiB'],
      ['body=x', 'body needs reject'],
      ['auth=basic:user', 'basic:user:password or bearer:token'],
      ['auth=bearer:a%20b', 'basic:user:password or bearer:token'],
      ['auth=digest:a', 'basic:user:password or bearer:token'],
      ['compress=on', 'one of off, takeover'],
      ['corrupt=header&after=1', 'after does not go with corrupt=header'],
      ['times=2', 'times needs a fault'],
      ['delay=1s&key=a', 'key needs times'],
      ['times=0&delay=1s', '"times=0"'],
      [Array.from({ length: 9 }, (_, i) => `header=X-${i}:y`).join('&'), 'header is given more than 8 times'],
    ] as const)('?%s is refused', async ([query, part]) => {
      const { status, body } = await refused(query)
      expect(status).toBe(400)
      expect(body).toContain(part)
    })

    test.for([
      '//evil.test/',
      '/\\evil.test',
      '\\\\evil.test',
      '/%09/evil.test',
      'ws://evil.test/',
      'http://user@evil.test/',
      'javascript:alert(1)',
      'raw',
      '',
      '/a b',
      '/a%0d%0aX-A:b',
      `/${'x'.repeat(2048)}`,
    ])('location=%j is refused', async location => {
      const { status, head } = await refused(`redirect=307&location=${encodeURIComponent(location)}`)
      // An escaped path is only a path.
      if (/%0[9d]/.test(location)) expect(valuesOf(head, 'Location')).toEqual([location])
      else expect(status).toBe(400)
    })

    test.for([
      'Content-Type:text/html',
      'content-length:5',
      'Content-Disposition:attachment; filename=a.bat',
      'Transfer-Encoding:chunked',
      'Connection:keep-alive',
      'Location:/',
      'Refresh:0; url=//evil.test',
      'X-Accel-Redirect:/index.html',
      'X-Pad:a',
      '~:a',
      '__proto__:a',
      'Sec-WebSocket-Accept:x',
      'Strict-Transport-Security:max-age=1',
      'Clear-Site-Data:"*"',
      'Access-Control-Allow-Credentials:true',
      'Set-Cookie:a=1; Domain=test',
      'X A:b',
      'X-A',
      ':b',
      'X-A:b\r\nX-B:c',
      'X-A:ä',
      `X-A:${'b'.repeat(1025)}`,
    ])('header=%j is refused', async header => {
      const { status, head } = await refused(`reject=503&header=${encodeURIComponent(header)}`)
      expect(status).toBe(400)
      expect(valuesOf(head, 'X-B')).toEqual([])
    })

    test('plain requests get the same answers', async () => {
      const ask = (query: string, init?: RequestInit) =>
        fetch(`${address()}?${query}`.replace('ws:', 'http:'), { redirect: 'manual', ...init })
      const rejected = await ask('reject=429&retry-after=5s')
      expect([rejected.status, rejected.headers.get('Retry-After')]).toEqual([429, '5'])
      expect(rejected.headers.get('Access-Control-Expose-Headers')).toBe('*')
      const redirected = await ask('redirect=302&location=/raw', { method: 'OPTIONS' })
      expect([redirected.status, redirected.headers.get('Location')]).toEqual([302, '/raw'])
      expect((await ask('auth=basic:a:b')).status).toBe(401)
      expect((await ask('auth=basic:a:b', { headers: basic('a:b') })).status).toBe(426)
      expect(await (await ask('reject=503', { method: 'HEAD' })).text()).toBe('')
    })
  })
}
