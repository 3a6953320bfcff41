import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { type AddressInfo, connect } from 'node:net'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { createServer as createTlsServer } from 'node:tls'
import { writeCertificates } from '../certs.ts'
import { startServer } from '../integration/serve.ts'
import { startStack } from '../stack/stack.ts'
import { type Check, type CheckName, checks } from './checks.ts'

type Line = Record<string, unknown>

/** An address at which clients reach a server. */
export type Entry = {
  name: string
  /** `ws:` and `wss:` with host and port. Port 7777 has no TLS. */
  url: string
  secure?: string
  /** Whether any path reaches the server. On the page's port, only a few do. */
  hasPaths: boolean
  /** A page that may connect there. */
  page: string
  /** The lines of the server's log so far. */
  log: Line[]
  /** Resolves when the log has everything that happened before. */
  settle(): Promise<void>
}

export const entryNames = ['directly', 'through port 7777 of NGINX', 'through the page’s port of NGINX'] as const

const pathOf = (client: string, check: string) => `/${client.replaceAll(/\W+/g, '-')}/${check}`

/** The part of an address that the log shows, where it can't be the path: the faults, or a name that the server ignores. */
const queryOf = (client: string, check: CheckName) => (checks[check] as Check).query ?? pathOf(client, check).slice(1)

/** Returns the address of a check, unless it needs TLS and there is none. */
export function addressOf({ url, secure, hasPaths }: Entry, client: string, check: CheckName): string | undefined {
  const { query = '', isSecure }: Check = checks[check]
  const base = isSecure ? secure : url
  if (base === undefined) return
  return hasPaths ? `${base}${pathOf(client, check)}${query && `?${query}`}` : `${base}/raw?${queryOf(client, check)}`
}

/** Whether a line of the log is about the handshake of a check. */
export function isAbout({ hasPaths }: Entry, client: string, check: CheckName) {
  return ({ path, faults, ignored, problem }: Line): boolean =>
    hasPaths
      ? path === pathOf(client, check)
      : path === '/raw' && `${faults} ${ignored} ${problem}`.includes(queryOf(client, check))
}

/** Starts a server in this process, behind a port for TLS. */
async function openDirectly(folder: string) {
  const server = await startServer(
    { REPLY_PREFIX: '' },
    { page: (request, response, next) => (request.url === '/page' ? response.end('A page') : next()) },
  )
  const cert = await readFile(join(folder, 'server.crt'))
  const key = await readFile(join(folder, 'server.key'))
  const front = createTlsServer({ cert, key }, socket => {
    const upstream = connect(server.port, '127.0.0.1')
    socket.pipe(upstream).pipe(socket)
    socket.on('error', () => upstream.destroy())
    upstream.on('error', () => socket.destroy())
  })
  front.listen()
  await once(front, 'listening')
  const entry: Entry = {
    name: entryNames[0],
    url: server.url.slice(0, -1),
    secure: `wss://localhost:${(front.address() as AddressInfo).port}`,
    hasPaths: true,
    page: `${server.http}page`,
    log: server.log,
    settle: async () => {},
  }
  const close = async () => {
    front.close()
    await server.close()
  }
  return { entries: [entry], close }
}

/** Starts the stack, whose page has TLS as well. */
async function openStack(folder: string) {
  const stack = await startStack({
    build: true,
    overrides: ['docker-compose.tls.yml'],
    env: {
      HTTPS_PORT: '0',
      TLS_CERTIFICATE: join(folder, 'server.crt'),
      TLS_KEY: join(folder, 'server.key'),
      REPLY_PREFIX: '',
    },
  })
  const log: Line[] = []
  const lines = createInterface({ input: (await stack.servers[0]?.logs()) as NodeJS.ReadableStream })
  lines.on('line', line => log.push(JSON.parse(line)))
  let requests = 0
  const settle = async () => {
    const path = `/settled/${++requests}`
    await fetch(`${stack.ws.replace('ws:', 'http:').slice(0, -1)}${path}`)
    while (!log.some(line => line.path === path)) await once(lines, 'line')
  }
  const shared = { page: stack.page, log, settle }
  const entries: Entry[] = [
    { ...shared, name: entryNames[1], url: stack.ws.slice(0, -1), hasPaths: true },
    {
      ...shared,
      name: entryNames[2],
      url: stack.page.replace('http:', 'ws:').slice(0, -1),
      secure: `wss://localhost:${stack.client.getMappedPort(443)}`,
      hasPaths: false,
    },
  ]
  return { entries, close: stack.down }
}

/**
 * Opens all entries, those through NGINX only with an engine.
 * @param folder gets the certificates. Clients must trust `authority.crt`
 */
export async function openEntries(folder: string, hasEngine: boolean) {
  await writeCertificates(folder, ['localhost'])
  const opened = [await openDirectly(folder), ...(hasEngine ? [await openStack(folder)] : [])]
  return {
    entries: opened.flatMap(({ entries }) => entries),
    close: async () => void (await Promise.all(opened.map(({ close }) => close()))),
  }
}
