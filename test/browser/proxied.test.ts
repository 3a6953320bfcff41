import { once } from 'node:events'
import { type Agent, createServer, type IncomingMessage, request, type Server } from 'node:http'
import { createServer as createSecureServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { describe, expect, inject, onTestFinished, test } from 'vitest'
import { createAuthority, createCertificate } from '../certs.ts'
import { browserNames, findBrowser, launchBrowser } from './browser.ts'
import { openTester } from './tester.ts'

const stack = inject('stack')
const { page: address = '' } = stack ?? {}

/** Starts a proxy that serves the stack under `path`, and returns its port. */
async function startProxy(server: Server, path: string): Promise<number> {
  const forward = ({ method, url = '', headers }: IncomingMessage, options: { agent?: Agent | false } = {}) =>
    request(new URL(url.replace(path, '/'), address), { method, headers, ...options })

  server.on('request', (incoming: IncomingMessage, response) => {
    incoming.pipe(
      forward(incoming).on('response', answer => {
        response.writeHead(answer.statusCode ?? 502, answer.headers)
        answer.pipe(response)
      }),
    )
  })
  server.on('upgrade', (incoming, socket) => {
    forward(incoming, { agent: false })
      .on('upgrade', ({ rawHeaders }, upstream) => {
        const lines = rawHeaders.map((text, i) => (i % 2 === 0 ? `${text}: ` : `${text}\r\n`)).join('')
        socket.write(`HTTP/1.1 101 Switching Protocols\r\n${lines}\r\n`)
        socket.pipe(upstream).pipe(socket)
        for (const side of [socket, upstream]) side.on('error', () => {})
      })
      .end()
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  return (server.address() as AddressInfo).port
}

describe.for(browserNames)('the page behind a proxy in %s', { skip: !stack }, name => {
  test.skipIf(!findBrowser(name))('works under a path, on another port, and behind TLS', async () => {
    const browser = await launchBrowser(name, { acceptInsecureCerts: true })
    onTestFinished(() => browser.close())
    const { key, certificate } = await createCertificate(await createAuthority(), ['localhost'])

    for (const [scheme, server] of [
      ['http', createServer()],
      ['https', createSecureServer({ key, cert: certificate })],
    ] as const) {
      const port = await startProxy(server, '/some/path/')
      const tester = await openTester(browser, `${scheme}://localhost:${port}/some/path/`)
      await tester.visit()
      expect(await tester.page.$eval('#url', field => (field as HTMLInputElement).value)).toBe(
        `${scheme.replace('http', 'ws')}://localhost:${port}/some/path/ws`,
      )
      await tester.send('hello')
      await tester.logged('[RE]: hello')
      await tester.openPart('chart')
      expect(tester.complaints).toEqual([])
    }
  })
})
