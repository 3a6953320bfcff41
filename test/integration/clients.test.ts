import { execFile, spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { beforeAll, describe, expect, test } from 'vitest'
import { WebSocket as WsClient } from 'ws'
import { findProgram } from '../browser/browser.ts'
import { hasPythonModule, python } from '../requirements.ts'
import { startServer } from './serve.ts'

/** Connects once. Resolves with the reply to `hello`, or with the status and the Retry-After, or with `error`. */
type Client = (url: string, authorization?: string) => Promise<string>

const credentials = (authorization?: string) => (authorization === undefined ? {} : { authorization })

const ws =
  (followRedirects: boolean): Client =>
  (url, authorization) => {
    const { promise, resolve } = Promise.withResolvers<string>()
    const socket = new WsClient(url, { followRedirects, headers: credentials(authorization) })
    socket.on('open', () => socket.send('hello'))
    socket.on('message', data => {
      resolve(String(data))
      socket.close()
    })
    socket.on('unexpected-response', (request, { statusCode, headers }) => {
      resolve([statusCode, headers['retry-after']].join(' ').trim())
      request.destroy()
    })
    socket.on('error', () => resolve('error'))
    return promise
  }

const node: Client = (url, authorization) => {
  const { promise, resolve } = Promise.withResolvers<string>()
  // Only in Node.js does the second parameter take headers.
  const socket = new WebSocket(url, { headers: credentials(authorization) } as never)
  socket.onopen = () => socket.send('hello')
  socket.onmessage = ({ data }) => {
    resolve(data)
    socket.close()
  }
  socket.onerror = () => resolve('error')
  return promise
}

const script = fileURLToPath(new URL('clients.py', import.meta.url))

const pythonClient =
  (name: string): Client =>
  async (url, authorization) => {
    const { stdout } = await promisify(execFile)(python, [script, name, url, ...(authorization ? [authorization] : [])])
    return stdout.trim()
  }

/** curl sends a handshake, but no messages: a 101 counts as the reply. */
const curl: Client = async (url, authorization) => {
  const headers = {
    Connection: 'Upgrade',
    Upgrade: 'websocket',
    'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==',
    'Sec-WebSocket-Version': '13',
    ...credentials(authorization),
  }
  const options = Object.entries(headers).flatMap(([name, value]) => ['-H', `${name}: ${value}`])
  const process = spawn('curl', ['-sL', '-D-', ...options, url.replace(/^ws:/, 'http:')])
  let heads = ''
  let status: string | undefined
  for await (const chunk of process.stdout) {
    heads += chunk
    status = /.*^HTTP\/1.1 (\d+)/ms.exec(heads)?.[1]
    // curl would wait for the end of the connection.
    if (status === '101') process.kill()
  }
  if (status === '101') return 'hello'
  const [, retryAfter = ''] = /^Retry-After: (.*?)\r$/m.exec(heads) ?? []
  return `${status} ${retryAfter}`.trim()
}

const clients: Record<string, { client: Client; isMissing?: boolean }> = {
  ws: { client: ws(false) },
  'ws with followRedirects': { client: ws(true) },
  'Node’s WebSocket': { client: node },
  websockets: { client: pythonClient('websockets'), isMissing: !hasPythonModule('websockets') },
  'websocket-client': { client: pythonClient('websocket-client'), isMissing: !hasPythonModule('websocket') },
  curl: { client: curl, isMissing: !findProgram('curl') },
}

let url: string
beforeAll(async () => {
  const { server, url: started } = await startServer({ REDIRECT_HOSTS: '127.0.0.1' })
  url = started
  return () => server.close()
})

// The outcomes in docs/faults.md. A list has all that versions of a client differ in.
const outcomes: [query: string, outcomes: Record<string, string | string[]>][] = [
  ['redirect=302&location=/raw', { ws: '302', 'Node’s WebSocket': 'error', 'websocket-client': 'error' }],
  ['redirect=307&location=/raw', { ws: '307', 'Node’s WebSocket': 'error', 'websocket-client': ['307', 'error'] }],
  ['redirect=302&location=ws://HOST/raw', { ws: '302', 'Node’s WebSocket': 'error', curl: '302' }],
  [
    'redirect=307&location=ws://HOST/raw',
    { ws: '307', 'Node’s WebSocket': 'error', 'websocket-client': ['307', 'hello'], curl: '307' },
  ],
]

describe.each(Object.entries(clients))('%s', (name, { client, isMissing = false }) => {
  const of = (query: string) => `${url}raw?${query.replace('HOST', new URL(url).host)}`
  const refused = (status: string) => (name === 'Node’s WebSocket' ? 'error' : status)

  test.skipIf(isMissing).for(outcomes)('?%s', async ([query, expected]) => {
    expect([expected[name] ?? 'hello'].flat()).toContain(await client(of(query)))
  })

  test.skipIf(isMissing).for([
    ['basic:user:password', 'Basic dXNlcjpwYXNzd29yZA=='],
    ['bearer:token', 'Bearer token'],
  ] as const)('connects to ?auth=%s with the header alone', async ([auth, authorization]) => {
    expect(await client(of(`auth=${auth}`))).toBe(refused('401'))
    expect(await client(of(`auth=${auth}`), authorization)).toBe('hello')
  })

  test.skipIf(isMissing)('sends the credentials in the address, or ignores them', async () => {
    const outcome = await client(of('auth=basic:user:password').replace('ws://', 'ws://user:password@'))
    expect(outcome).toBe(name === 'websocket-client' ? '401' : 'hello')
  })

  test.skipIf(isMissing)('shows a 429 and its Retry-After, and does not try again', async () => {
    expect(await client(of(`reject=429&retry-after=5s&times=1&key=${encodeURIComponent(name)}`))).toBe(refused('429 5'))
  })
})
