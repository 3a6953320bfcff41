import { describe, expect, inject, test } from 'vitest'

const stack = inject('stack')
const { page = '', ws = '' } = stack ?? {}
const port7777 = ws.replace('ws:', 'http:')

describe.skipIf(!stack)('NGINX', () => {
  test('serves the page with security headers, and hides its version', async () => {
    const { status, headers } = await fetch(page)
    expect(status).toBe(200)
    expect(headers.get('content-type')).toBe('text/html')
    expect(headers.get('content-security-policy')).toBe(
      "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self' ws: wss: http: https:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'",
    )
    expect(headers.get('cross-origin-opener-policy')).toBe('same-origin')
    expect(headers.get('cross-origin-embedder-policy')).toBe('credentialless')
    expect(headers.get('x-content-type-options')).toBe('nosniff')
    expect(headers.get('referrer-policy')).toBe('no-referrer')
    expect(headers.get('server')).toBe('nginx')
  })

  test('lets browsers revalidate files instead of loading them again', async () => {
    const first = await fetch(`${page}main.js`)
    expect(first.headers.get('cache-control')).toBe('no-cache')
    const again = await fetch(`${page}main.js`, { headers: { 'If-None-Match': first.headers.get('etag') ?? '' } })
    expect(again.status).toBe(304)
  })

  test('compresses the script', async () => {
    const { headers } = await fetch(`${page}main.js`, { headers: { 'Accept-Encoding': 'gzip' } })
    expect(headers.get('content-encoding')).toBe('gzip')
    expect(headers.get('vary')).toBe('Accept-Encoding')
  })

  test.for(['missing', 'ws/', 'raw/x', 'wsx', '50x.html', '.env'])('answers 404 for /%s', async path => {
    const { status, headers } = await fetch(page + path)
    expect(status).toBe(404)
    expect(headers.get('x-content-type-options')).toBe('nosniff')
  })

  test('passes /healthz to the server on both ports', async () => {
    for (const url of [page, port7777]) {
      const response = await fetch(`${url}healthz`)
      expect(response.status).toBe(200)
      expect(await response.text()).toBe('ok\n')
    }
  })

  test.for([
    ['the page’s port', `${page}ws?a=b`],
    ['port 7777', `${port7777}any/path?a=b`],
  ] as const)('passes a plain request on %s to the server, whose 426 names the requested address', async ([, url]) => {
    const response = await fetch(url)
    expect(response.status).toBe(426)
    expect(response.headers.get('upgrade')).toBe('websocket')
    expect(response.headers.get('access-control-allow-origin')).toBe('*')
    expect(await response.text()).toContain(`new WebSocket("${url.replace('http:', 'ws:')}")`)
  })
})
