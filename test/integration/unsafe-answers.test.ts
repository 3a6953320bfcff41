import { describe, expect, test } from 'vitest'
import { valuesOf } from '../suite/handshakes.ts'
import { connectRaw } from '../suite/raw-client.ts'
import { serve } from './serve.ts'

const statusOf = (head: string) => Number(head.split(' ')[1])

describe('a redirect to another host', () => {
  const answerTo = async (location: string) => {
    const { url } = await serve({ REDIRECT_HOSTS: 'echo.test,[::1],other.test:7777,third.test:80' })
    const { head, end } = await connectRaw(`${url}?redirect=307&location=${encodeURIComponent(location)}`)
    return { head, body: (await end()).toString() }
  }

  test.for([
    'ws://echo.test/',
    'wss://echo.test:8443/raw?a=b#c',
    'https://ECHO.test',
    'ws://[::1]:7777/',
    'http://other.test:7777/',
    'ws://third.test/',
    'ws://third.test:80/',
  ])('%s is allowed if REDIRECT_HOSTS lists its host', async location => {
    const { head } = await answerTo(location)
    expect(statusOf(head)).toBe(307)
    expect(valuesOf(head, 'Location')).toEqual([location])
  })

  test.for([
    'ws://echo.test.evil.test/',
    'wss://third.test/',
    'ws://evil.test/echo.test',
    'ws://evil.test#echo.test',
    'ws://evil.test?echo.test',
    'ws://echo.test@evil.test/',
    'ws://echo.test:80@evil.test/',
    'ws://evil.test:80@echo.test/',
    'ws://:p@echo.test/',
    'ws://@echo.test/',
    'ws://:@echo.test/',
    'ws://evil.test%40echo.test/',
    'ws://evil.test%2F.echo.test/',
    'ws://evil.test%5c@echo.test/',
    'ws://evil.test\\@echo.test/',
    'ws://evil.test\t.echo.test/',
    'ws://echo.test\r\nX-A: b',
    'ws://echo.test\n.evil.test/',
    'ws://evilecho.test/',
    'ws://xecho.test/',
    'ws://echo.test./',
    'ws://echo.test;.evil.test/',
    'ws://other.test/',
    'ws://other.test:77770/',
    'ws://еcho.test/',
    'ws://evil.test。echo.test/',
    'ws:/evil.test/',
    'ws:evil.test/',
    'ws:///evil.test/',
    'ws:////evil.test/',
    'ftp://echo.test/',
    'data:text/html,echo.test',
    'javascript://echo.test/%0aalert(1)',
    ' ws://echo.test/',
    '//echo.test/',
    '///echo.test/',
  ])('%j is refused', async location => {
    const { head, body } = await answerTo(location)
    expect(statusOf(head)).toBe(400)
    expect(body).toContain('location')
    expect(valuesOf(head, 'Location')).toEqual([])
    expect(valuesOf(head, 'X-A')).toEqual([])
  })
})

test.for([
  { reject: '503', header: 'X-A: b\r\nX-B: c' },
  { reject: '503', header: ['X-A: b', 'X-B: c\n\n<p>'] },
  { reject: '503', header: 'X-A\r\n: b' },
  { reject: '503', header: 'X-A: \u010d\u010a' },
  { reject: '503', header: 'X-A: b\0' },
  { redirect: '307', location: '/raw\r\nX-B: c' },
  { redirect: '307', location: '/\u560d\u560aX-B: c' },
  { redirect: '307', location: '\t//evil.test' },
  { auth: 'basic:a:b\r\nX-B: c' },
  { auth: 'bearer:a"\r\nX-B: c' },
  { 'retry-after': '5s\r\nX-B: c', reject: '503' },
])('default faults cannot split a response: %j', async faults => {
  const { control, url } = await serve({ CONTROL_PORT: '0' })
  const { status } = await fetch(`${control}faults`, {
    method: 'PUT',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify(faults),
  })
  expect(status).toBe(400)
  expect(statusOf((await connectRaw(url)).head)).toBe(101)
})

test.for(['', '&header=X-Content-Type:text/html', '&header=Vary:Accept'])(
  'a body with markup is plain text for a browser that asks for HTML: %s',
  async more => {
    const { http } = await serve()
    const markup = '<script>alert(1)</script>'
    for (const status of [200, 203, 206, 300, 400, 404, 503]) {
      const response = await fetch(`${http}ws?reject=${status}&body=${encodeURIComponent(markup)}${more}`, {
        headers: { Accept: 'text/html' },
      })
      expect(response.status).toBe(status)
      expect(response.headers.get('Content-Type')).toBe('text/plain; charset=utf-8')
      expect(response.headers.get('X-Content-Type-Options')).toBe('nosniff')
      expect(await response.text()).toBe(`${markup}\n`)
    }
  },
)

// Cookies don't differ by port: this one would also reach other servers of the same host.
describe('a cookie', () => {
  const queries = ['', 'reject=503&', 'redirect=307&location=/raw&', 'auth=basic:a:b&']
  const cookies = async (query: string, headers?: Record<string, string>) => {
    const { url } = await serve()
    const { head } = await connectRaw(`${url}?${query}header=Set-Cookie:a=1&header=X-A:b`, headers)
    expect(valuesOf(head, 'X-A')).toEqual(['b'])
    return valuesOf(head, 'Set-Cookie')
  }

  test.for(queries)('is set for a client without an origin, and for pages of the same host: ?%s', async query => {
    expect(await cookies(query)).toEqual(['a=1'])
    expect(await cookies(query, { Origin: 'http://127.0.0.1:3000' })).toEqual(['a=1'])
    expect(await cookies(query, { Origin: 'https://127.0.0.1', Host: '127.0.0.1' })).toEqual(['a=1'])
  })

  test.for(queries)('is not set for pages of other hosts: ?%s', async query => {
    for (const origin of ['http://evil.test', 'http://127.0.0.1.evil.test', 'null', 'file://', '127.0.0.1']) {
      expect(await cookies(query, { Origin: origin })).toEqual([])
    }
  })

  test.for(['reject=200', 'redirect=307&location=/raw', 'auth=basic:a:b'])(
    'is not set by a link, which makes a plain request: ?%s',
    async query => {
      const { http } = await serve()
      const response = await fetch(`${http}ws?${query}&header=Set-Cookie:a=1&header=X-A:b`, { redirect: 'manual' })
      expect(response.headers.get('X-A')).toBe('b')
      expect(response.headers.get('Set-Cookie')).toBe(null)
    },
  )
})
