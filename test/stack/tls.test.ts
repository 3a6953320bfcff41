import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { copyFile, mkdir, mkdtemp, readFile, rm, stat } from 'node:fs/promises'
import { connect as connectHttp2 } from 'node:http2'
import { request } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect as connectTls } from 'node:tls'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { beforeAll, describe, expect, inject, onTestFinished, test } from 'vitest'
import { WebSocket } from 'ws'
import { browserNames, createTrustingProfile, findBrowser, findProgram, launchBrowser } from '../browser/browser.ts'
import { openTester } from '../browser/tester.ts'
import { writeCertificates } from '../certs.ts'
import { connect } from '../suite/client.ts'
import { connectRaw } from '../suite/raw-client.ts'
import { createProject, freePort, startStack } from './stack.ts'

const run = promisify(execFile)

describe('npm run certs', () => {
  let folder: string
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'websocket-echo-'))
    return () => rm(folder, { recursive: true })
  })
  const script = fileURLToPath(new URL('../certs.ts', import.meta.url))
  const isReadable = async (file: string) => ((await stat(join(folder, 'certs', file))).mode & 0o004) !== 0

  test('writes files that NGINX can read, even with umask 077 and in place of folders that Docker created', async () => {
    for (const file of ['server.crt', 'server.key']) await mkdir(join(folder, 'certs', file), { recursive: true })
    await run('sh', ['-c', 'umask 077; exec "$0" "$1"', process.execPath, script], { cwd: folder })
    expect(await isReadable('server.crt')).toBe(true)
    expect(await isReadable('server.key')).toBe(true)
    expect(await isReadable('authority.key')).toBe(false)
  })

  const testWithOpenssl = test.skipIf(!findProgram('openssl'))
  const verify = (authority: string, ...options: string[]) =>
    run('openssl', ['verify', ...options, '-CAfile', authority, 'certs/server.crt'], { cwd: folder })

  testWithOpenssl('the certificate passes the strict verification that Python 3.13 makes by default', async () => {
    await run(process.execPath, [script], { cwd: folder })
    await verify('certs/authority.crt', '-x509_strict')
  })

  testWithOpenssl(
    'an authority without a key identifier gets one, and clients that trust the old one need not change',
    async () => {
      const extensions = [
        'basicConstraints=critical,CA:true',
        'keyUsage=critical,keyCertSign',
        'subjectKeyIdentifier=none',
      ]
      await mkdir(join(folder, 'certs'), { recursive: true })
      await run(
        'openssl',
        [
          ...['req', '-x509', '-config', '/dev/null', '-subj', '/CN=An old authority', '-days', '9', '-noenc'],
          ...[
            '-newkey',
            'ec',
            '-pkeyopt',
            'ec_paramgen_curve:P-256',
            '-keyout',
            'certs/authority.key',
            '-out',
            'old.crt',
          ],
          ...extensions.flatMap(extension => ['-addext', extension]),
        ],
        { cwd: folder },
      )
      const authority = join(folder, 'certs/authority.crt')
      await copyFile(join(folder, 'old.crt'), authority)
      const { stdout } = await run(process.execPath, [script], { cwd: folder })
      expect(stdout).toContain('certs/authority.crt had no key identifier')
      await verify('certs/authority.crt', '-x509_strict')
      await verify('old.crt')

      const renewed = await readFile(authority)
      expect((await run(process.execPath, [script], { cwd: folder })).stdout).not.toContain('key identifier')
      expect(await readFile(authority)).toEqual(renewed)
    },
  )

  test('does not remove a folder that is not empty', async () => {
    await rm(join(folder, 'certs/server.key'))
    await mkdir(join(folder, 'certs/server.key/mine'), { recursive: true })
    await expect(run(process.execPath, [script], { cwd: folder })).rejects.toThrow('ENOTEMPTY')
  })
})

describe.skipIf(!inject('stack'))('with docker-compose.tls.yml', () => {
  let folder: string
  let ca: Buffer
  let port: number
  let stack: Awaited<ReturnType<typeof startStack>>

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'websocket-echo-'))
    await writeCertificates(folder, ['localhost', '127.0.0.1'])
    ca = await readFile(join(folder, 'authority.crt'))
    port = await freePort()
    stack = await startStack({
      overrides: ['docker-compose.tls.yml'],
      env: {
        HTTPS_PORT: String(port),
        TLS_CERTIFICATE: join(folder, 'server.crt'),
        TLS_KEY: join(folder, 'server.key'),
      },
    })
    return async () => {
      await stack.down()
      await rm(folder, { recursive: true })
    }
  })

  test('does not start without a certificate, and creates no folder in its place', async () => {
    const missing = join(folder, 'missing.crt')
    const env = { TLS_CERTIFICATE: missing, TLS_KEY: join(folder, 'server.key'), HTTPS_PORT: '0' }
    await using project = await createProject({ env, overrides: ['docker-compose.tls.yml'] })
    await expect(project.compose('up', '--detach')).rejects.toThrow(/missing\.crt/)
    await expect(stat(missing)).rejects.toThrow('ENOENT')
  })

  const openSecure = async (options: object) => {
    const socket = new WebSocket(`wss://localhost:${port}/ws`, options)
    await once(socket, 'open')
    return socket
  }

  test('ws verifies the certificate and gets its echo', async () => {
    const socket = await openSecure({ ca })
    socket.send('hello')
    expect(String((await once(socket, 'message'))[0])).toBe('[RE]: hello')
    socket.close()
    await expect(openSecure({})).rejects.toThrow(/certificate/)
  })

  test('the page is served over HTTP/2 with its headers', async () => {
    const session = connectHttp2(`https://localhost:${port}`, { ca })
    const stream = session.request({ ':path': '/' })
    const [headers] = await once(stream, 'response')
    expect(headers).toMatchObject({ ':status': 200, 'content-type': 'text/html', 'x-content-type-options': 'nosniff' })
    expect(Buffer.concat(await Array.fromAsync(stream)).toString()).toContain('<title>WebSocket echo</title>')
    session.close()
  })

  test('the 426 response names the secure address', async () => {
    const asked = request(`https://localhost:${port}/ws`, { ca }).end()
    const [response] = await once(asked, 'response')
    expect(response.statusCode).toBe(426)
    expect(Buffer.concat(await Array.fromAsync(response)).toString()).toContain(`wss://localhost:${port}/ws`)
  })

  test('the 426 response over HTTP/2 has no Upgrade header, which HTTP/2 forbids', async () => {
    const session = connectHttp2(`https://localhost:${port}`, { ca })
    const stream = session.request({ ':path': '/ws' })
    const [headers] = await once(stream, 'response')
    expect(headers[':status']).toBe(426)
    expect(Buffer.concat(await Array.fromAsync(stream)).toString()).toContain('new WebSocket')
    session.close()
  })

  test.for([
    ['TLSv1.3', true],
    ['TLSv1.2', true],
    ['TLSv1.1', false],
  ] as const)('%s is accepted: %s', async ([version, isSpoken]) => {
    const options = {
      ca,
      host: 'localhost',
      port,
      minVersion: version,
      maxVersion: version,
      ciphers: 'DEFAULT@SECLEVEL=0',
    }
    const socket = connectTls(options)
    onTestFinished(() => void socket.destroy())
    const outcome = await Promise.race([
      once(socket, 'secureConnect').then(() => true),
      once(socket, 'error').then(() => false),
    ]).catch(() => false)
    expect(outcome).toBe(isSpoken)
  })

  test('port 80 redirects plain requests, but not handshakes and the health check', async () => {
    const response = await fetch(`${stack.page}any/path?a=b`, { redirect: 'manual' })
    expect(response.status).toBe(308)
    expect(response.headers.get('location')).toBe(`https://127.0.0.1:${port}/any/path?a=b`)
    expect((await fetch(`${stack.page}ws`, { redirect: 'manual' })).status).toBe(308)
    expect((await fetch(`${stack.page}healthz`, { redirect: 'manual' })).status).toBe(200)
    for (const url of [`${stack.page.replace('http:', 'ws:')}ws`, stack.ws]) {
      const { socket, next } = await connect(url)
      socket.send('hello')
      expect(await next()).toBe('[RE]: hello')
    }
    expect((await connectRaw(`${stack.ws}?reject=418`)).head).toMatch(/^HTTP\/1.1 418 /)
  })

  const trusting = findProgram('certutil') ? browserNames.filter(findBrowser) : []
  test.for(trusting)('the page in %s verifies the certificate and connects with wss', async name => {
    const home = await mkdtemp(join(tmpdir(), 'websocket-echo-'))
    onTestFinished(() => rm(home, { recursive: true, force: true }))
    const profile = await createTrustingProfile(name, home, join(folder, 'authority.crt'))
    const browser = await launchBrowser(name, profile)
    onTestFinished(() => browser.close())
    const tester = await openTester(browser, `https://localhost:${port}/`)
    await tester.visit()
    await tester.send('hello')
    await tester.logged('[RE]: hello')
    expect(await tester.page.$eval('#url', field => (field as HTMLInputElement).value)).toBe(
      `wss://localhost:${port}/ws`,
    )
    expect(tester.complaints).toEqual([])
  })
})
