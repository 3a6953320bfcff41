import { connect } from 'node:net'
import { beforeAll, describe, expect, inject, test } from 'vitest'
import { handshake } from '../suite/raw-client.ts'
import { addressOf, startStack } from './stack.ts'

const STATUSES = [
  ...[
    200, 202, 203, 204, 205, 206, 226, 300, 304, 305, 400, 401, 402, 403, 404, 405, 406, 407, 408, 410, 413, 414, 416,
  ],
  ...[
    417, 418, 421, 422, 426, 429, 431, 444, 451, 494, 495, 496, 497, 499, 500, 501, 502, 503, 504, 505, 507, 511, 599,
  ],
]

const answered = [
  ...STATUSES.flatMap(status => [`reject=${status}`, `reject=${status}&retry-after=5s&header=X-A:b`]),
  ...[200, 404, 500, 502, 503, 504].map(status => `reject=${status}&body=<b>%00%C3%A4`),
  ...[301, 302, 303, 307, 308].flatMap(status => [
    `redirect=${status}&location=/raw`,
    `redirect=${status}&location=/ws?a=b%2520c%23d`,
    `redirect=${status}&location=http://server/raw`,
    `redirect=${status}&location=wss://redirect.test:8443/raw`,
  ]),
  'reject=503&header=X-A:1&header=x-a:2&header=X-B:',
  'reject=503&header=Set-Cookie:a=1&header=Set-Cookie:b=2',
  'reject=200&header=Cache-Control:max-age=60&header=Expires:0&header=Pragma:x&header=Age:1',
  'reject=200&header=ETag:"a"&header=Last-Modified:Thu, 01 Jan 1970 00:00:00 GMT&header=Accept-Ranges:bytes',
  'reject=404&header=Referrer-Policy:unsafe-url&header=Cross-Origin-Opener-Policy:unsafe-none&header=Via:1.1 a',
  'reject=401&header=WWW-Authenticate:Digest realm="a"&header=X.Y:1&header=X_Y:2&header=X^Y:3&header=Status:200',
  'auth=basic:user:password',
  'auth=bearer:token',
].map(query => encodeURI(query).replaceAll('%25', '%'))

const accepted = [
  'auth=basic:user:password',
  'auth=bearer:token',
  'header=Set-Cookie:a=1&header=Set-Cookie:b=2',
  'header=X-A:1&header=x-a:2&header=X-B:&header=Cache-Control:no-store&header=Retry:1',
]

/** Sends a request and reads until the connection ends. The order of the headers is left out, and those of the connection. */
async function ask(address: string, request: string) {
  const { hostname, port } = new URL(address)
  const socket = connect(Number(port), hostname)
  socket.write(request)
  const answer = Buffer.concat(await Array.fromAsync(socket)).toString('latin1')
  const end = answer.indexOf('\r\n\r\n')
  const [status, ...headers] = answer.slice(0, end).split('\r\n')
  const own = headers.filter(header => !/^(date|server|connection):/i.test(header))
  return { status, headers: own.sort(), body: answer.slice(end + 4) }
}

describe.skipIf(!inject('stack'))('through NGINX', () => {
  let direct = ''
  let proxied: string[] = []
  beforeAll(async () => {
    const { page, servers, ws, down } = await startStack({ env: { REDIRECT_HOSTS: 'server,redirect.test' } })
    const [address] = await Promise.all(servers.map(addressOf))
    direct = `ws://${address}:7777/`
    proxied = [ws, page]
    return down
  })

  const expectSame = async (request: string) => {
    const answer = await ask(direct, request)
    for (const address of proxied) expect(await ask(address, request)).toEqual(answer)
    return answer
  }
  const upgrade = (query: string, headers = {}) =>
    `${handshake(`ws://echo.test/raw?${query}`, { Connection: 'Upgrade, close', ...headers })}\r\n`

  test.for(answered)('a handshake and plain requests get the same answer: ?%s', async query => {
    const { status = '', body } = await expectSame(upgrade(query, { 'If-None-Match': '"a"', Range: 'bytes=0-3' }))
    expect(body === '').toBe(/ (204|205|304) /.test(status))
    for (const method of ['GET', 'HEAD', 'OPTIONS']) {
      const plain = await expectSame(
        `${method} /ws?${query} HTTP/1.1\r\nHost: echo.test\r\nAccept-Encoding: gzip\r\nConnection: close\r\n\r\n`,
      )
      expect(plain.status).toBe(status)
      expect(plain.body).toBe(method === 'HEAD' ? '' : body)
    }
  })

  test.for(accepted)('a handshake gets the same 101: ?%s', async query => {
    const Authorization = query.includes('basic') ? 'Basic dXNlcjpwYXNzd29yZA==' : 'Bearer token'
    const { status } = await expectSame(upgrade(`${query}&drop=fin`, { Authorization }))
    expect(status).toBe('HTTP/1.1 101 Switching Protocols')
  })
  test('a handshake with an empty Sec-WebSocket-Protocol gets the same 101', async () => {
    const { status, headers } = await expectSame(upgrade('drop=fin', { 'Sec-WebSocket-Protocol': '' }))
    expect(status).toBe('HTTP/1.1 101 Switching Protocols')
    expect(headers.join()).not.toContain('Protocol')
  })

  // RFC 6455, section 4.2.1: NGINX must not add the token that the client left out.
  test.for([{ Connection: 'close' }, { Connection: 'keep-alive, close' }, { Connection: 'close, not-upgrade' }])(
    'a handshake without the token Upgrade in Connection gets the same 426: %j',
    async headers => {
      const { status, body } = await expectSame(upgrade('drop=fin', headers))
      expect(status).toBe('HTTP/1.1 426 Upgrade Required')
      expect(body).toContain('no "Connection: Upgrade" header arrived')
    },
  )

  test.for(['close,upgrade', 'close , UPGRADE', 'Upgrade,close'])('Connection: %s upgrades', async Connection => {
    const { status } = await expectSame(upgrade('drop=fin', { Connection }))
    expect(status).toBe('HTTP/1.1 101 Switching Protocols')
  })
})
