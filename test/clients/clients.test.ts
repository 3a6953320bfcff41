import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { type AddressInfo, connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createServer as createTlsServer } from 'node:tls'
import { beforeAll, describe, expect, test, vi } from 'vitest'
import { createAuthority, createCertificate } from '../certs.ts'
import { startServer } from '../integration/serve.ts'
import { type Check, type CheckName, checks } from './checks.ts'
import { clients } from './clients.ts'
import type { Report } from './ways.ts'

// run.ts passes the names of the clients that were asked for.
const asked = process.env.CLIENTS?.split('\n')
const chosen = Object.entries(clients).filter(([name, { way }]) => (asked ? asked.includes(name) : !way.isByHand))

let server: Awaited<ReturnType<typeof startServer>>
let secure: string
let folder: string

beforeAll(async () => {
  server = await startServer(
    { REPLY_PREFIX: '' },
    { page: (request, response, next) => (request.url === '/page' ? response.end('A page') : next()) },
  )
  folder = await mkdtemp(join(tmpdir(), 'websocket-echo-'))
  const authority = await createAuthority()
  await writeFile(join(folder, 'ca.crt'), authority.certificate)
  const { certificate, key } = await createCertificate(authority, ['localhost'])
  const front = createTlsServer({ cert: certificate, key }, socket => {
    const upstream = connect(server.port, '127.0.0.1')
    socket.pipe(upstream).pipe(socket)
    socket.on('error', () => upstream.destroy())
    upstream.on('error', () => socket.destroy())
  })
  front.listen()
  await once(front, 'listening')
  secure = `wss://localhost:${(front.address() as AddressInfo).port}/`
  return async () => {
    front.close()
    await server.close()
    await rm(folder, { recursive: true })
  }
})

/**
 * Returns how the server logged the end of the connection with this path, such as `4000 bye`, or the status of a refusal;
 * `none` if there was no connection.
 */
async function outcomeAtServer(path: string): Promise<string> {
  const [entry] = server.log.filter(entry => entry.path === path)
  if (!entry) return 'none'
  if (entry.status !== undefined) return String(entry.status)
  const end = await vi.waitFor(() => {
    const end = server.log.find(({ msg, connection }) => msg === 'Disconnected' && connection === entry.connection)
    if (!end) throw new Error(`the connection to ${path} has not ended`)
    return end
  })
  return [end.code, end.reason].filter(part => part !== undefined).join(' ')
}

describe.each(chosen)('%s', (name, { version, way, exceptions = {} }) => {
  const missing = way.findMissing()
  if (missing) console.warn(`${name} is not installed. It needs ${missing}.`)
  const isSkipped = missing !== undefined && !process.env.CI
  const pathOf = (check: string) => `/${name.replaceAll(/\W+/g, '-')}/${check}`
  let report: Report

  beforeAll(async () => {
    if (isSkipped) return
    const urlOf = (check: CheckName) => {
      const { query = '', isSecure }: Check = checks[check]
      return `${(isSecure ? secure : server.url).slice(0, -1)}${pathOf(check)}${query && `?${query}`}`
    }
    report = await way.run({ urlOf, page: `${server.http}page`, folder })
  }, 600_000)

  const tests = Object.entries(checks).map(([check, { title }]) => {
    const name = check as CheckName
    return [name, exceptions[name]?.[1] ?? title] as const
  })
  test.skipIf(isSkipped).for(tests)('%s: %s', async ([check]) => {
    const { expected } = checks[check]
    const [exception] = exceptions[check] ?? []
    const outcome = `${report.events[check]} | ${await outcomeAtServer(pathOf(check))}`
    // Another version may have been mended.
    const isException = exception && (report.version.startsWith(version) || !expected.test(outcome))
    expect(outcome).toMatch(isException ? exception : expected)
  })
})
