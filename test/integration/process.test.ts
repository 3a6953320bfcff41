import { once } from 'node:events'
import { cp, mkdir, mkdtemp, readdir, readFile, readlink, rm, symlink, writeFile } from 'node:fs/promises'
import { connect as connectTcp } from 'node:net'
import { platform, tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { connect } from '../suite/client.ts'
import { closePayload, connectRaw, frame, opcodes } from '../suite/raw-client.ts'
import { run } from './run.ts'
import { serve } from './serve.ts'

const start = async (env: Record<string, string> = {}) => {
  const server = run(['node', 'server/main.ts'], { PORT: '0', ...env })
  const [, port] = await server.line(/Ready on ws:\/\/localhost:(\d+)/)
  return { ...server, url: `ws://localhost:${port}/` }
}

test.for(['SIGTERM', 'SIGINT', 'SIGHUP'] as const)(
  'on %s it closes every socket with 1001 and exits with 0',
  async signal => {
    const { url, kill, exit } = await start()
    const clients = await Promise.all([connect(url), connect(url), connect(url)])
    kill(signal)
    for (const { closed } of clients) expect(await closed).toMatchObject({ code: 1001 })
    expect(await exit).toBe(0)
  },
)

test.for([
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const)('a second %s, 100 ms or more after the first, ends it at once with %i', async ([signal, code]) => {
  const { url, kill, exit, lines, line } = await start({ SHUTDOWN_TIMEOUT: '1m' })
  const { frame: nextFrame } = await connectRaw(url)
  const begin = performance.now()
  kill(signal)
  expect((await nextFrame()).opcode).toBe(opcodes.close)
  await line(/Closing on/)
  const again = setInterval(() => kill(signal), 150)
  onTestFinished(() => clearInterval(again))
  expect(await exit).toBe(code)
  expect(performance.now() - begin).toBeGreaterThanOrEqual(100)
  expect(lines.at(-1)).toContain(`WARN  Ended at once by a second ${signal}`)
})

test('a Ctrl+C that arrives twice within a moment, as under npm, counts once', async () => {
  const { url, kill, exit } = await start({ SHUTDOWN_TIMEOUT: '1m' })
  const { socket, frame: nextFrame } = await connectRaw(url)
  kill('SIGINT')
  expect((await nextFrame()).opcode).toBe(opcodes.close)
  kill('SIGINT')
  socket.write(frame(opcodes.close, closePayload(1001)))
  expect(await exit).toBe(0)
})

test('a peer that never answers the close is ended within SHUTDOWN_TIMEOUT', async () => {
  const { url, kill, exit } = await start({ SHUTDOWN_TIMEOUT: '200ms' })
  const { frame: nextFrame, end } = await connectRaw(url)
  kill('SIGTERM')
  expect((await nextFrame()).opcode).toBe(opcodes.close)
  await end()
  expect(await exit).toBe(0)
})

test('a client that never finishes its handshake does not delay the end', async () => {
  const { url, kill, exit } = await start()
  const { socket } = await connectRaw(url.replace('ws:', 'http:'), { Upgrade: '', Connection: 'keep-alive' })
  socket.write('GET / HTTP/1.1\r\nHost: ')
  const { closed } = await connect(url)
  kill('SIGTERM')
  await closed
  expect(await exit).toBe(0)
})

test('all invalid variables are named, and it exits with 1', async () => {
  const { exit, lines } = run(['node', 'server/main.ts'], { PORT: 'seven', MAX_PAYLOAD: '1TB' })
  expect(await exit).toBe(1)
  expect(lines).toHaveLength(2)
  expect(lines[0]).toContain('PORT="seven"')
  expect(lines[1]).toContain('MAX_PAYLOAD="1TB"')
})

test('a port that is taken gives one clear line, and it exits with 1', async () => {
  const { port } = await serve()
  const { exit, lines } = run(['node', 'server/main.ts'], { HOST: '127.0.0.1', PORT: String(port) })
  expect(await exit).toBe(1)
  expect(lines).toHaveLength(1)
  expect(lines[0]).toMatch(new RegExp(`port is taken.*:${port}`))
})

test('so does a control port that is taken', async () => {
  const { port } = await serve()
  const { exit, lines } = run(['node', 'server/main.ts'], { PORT: '0', CONTROL_PORT: String(port) })
  expect(await exit).toBe(1)
  expect(lines).toHaveLength(1)
  expect(lines[0]).toMatch(new RegExp(`Choose another with CONTROL_PORT.*:${port}`))
})

test('the line that says it is ready keeps its format', async () => {
  const { lines, line } = run(['node', 'server/main.ts'], { PORT: '0', HOST: '::1', CONTROL_PORT: '0' })
  await line(/Ready/)
  expect(lines.at(-1)).toMatch(/^\d{4}-\d\d-\d\dT[\d:.]{12}Z INFO {2}Ready on ws:\/\/\[::1\]:\d+$/)
  const json = run(['node', 'server/main.ts'], { PORT: '0', LOG_FORMAT: 'json' })
  const [ready] = await json.line(/Ready.*/)
  expect(ready).toMatch(/^Ready on ws:\/\/localhost:\d+"\}$/)
})

test('a start with UPSTREAM logs the address of the backend, before the line that says it is ready', async () => {
  const { line, lines } = run(['node', 'server/main.ts'], { PORT: '0', UPSTREAM: 'http://backend.example:8080/' })
  await line(/Ready/)
  expect(lines.map(line => line.split('  ')[1]?.replace(/\d+$/, 'N'))).toEqual([
    'Passing WebSockets on to ws://backend.example:N',
    expect.stringMatching(/^Ready on /),
  ])
})

test.skipIf(platform() !== 'linux').for([
  [{}, 1],
  [{ CONTROL_PORT: '0' }, 2],
] as const)('with %o it listens on %i ports', async ([env, count]) => {
  const { pid, line } = run(['node', 'server/main.ts'], { PORT: '0', HOST: '127.0.0.1', ...env })
  await line(/Ready/)
  const links = await readdir(`/proc/${pid}/fd`).then(fds =>
    Promise.allSettled(fds.map(fd => readlink(`/proc/${pid}/fd/${fd}`))),
  )
  const sockets = links.map(link => (link.status === 'fulfilled' ? link.value : ''))
  const lines = ['tcp', 'tcp6'].map(name => readFile(`/proc/${pid}/net/${name}`, 'utf8'))
  const listening = (await Promise.all(lines))
    .flatMap(text => text.split('\n'))
    .map(line => line.trim().split(/\s+/))
    .filter(([, , , state, , , , , , inode]) => state === '0A' && sockets.includes(`socket:[${inode}]`))
  expect(listening).toHaveLength(count)
})

test('the control port answers until the last connection is gone, and then closes as well', async () => {
  const { url, kill, exit, line } = await start({ CONTROL_PORT: '0' })
  const [, control = ''] = await line(/Control on (\S+)/)
  const client = await connectRaw(url)
  kill('SIGTERM')
  await client.frame()
  expect((await fetch(`${control}/readyz`)).status).toBe(503)
  client.socket.write(frame(opcodes.close, closePayload(1001)))
  expect(await exit).toBe(0)
})

test('it listens on IPv4 and IPv6 unless HOST says otherwise', async () => {
  const { url } = await start()
  const { port } = new URL(url)
  for (const host of ['127.0.0.1', '[::1]']) {
    const { socket, next } = await connect(`ws://${host}:${port}/`)
    socket.send('hello')
    expect(await next()).toBe('[RE]: hello')
  }
})

/** Starts the server as `npm start` does, in a copy of the project that has this `.env`. */
async function startLocal(env: Record<string, string>, settings?: string | Buffer) {
  const folder = await mkdtemp(join(tmpdir(), 'websocket-echo-'))
  onTestFinished(() => rm(folder, { recursive: true }))
  const isCopied = (path: string) => !/^(node_modules|test|docs|\.git)$/.test(path)
  await cp('.', folder, { recursive: true, filter: isCopied })
  await symlink(join(process.cwd(), 'node_modules'), join(folder, 'node_modules'))
  if (settings !== undefined) await writeFile(join(folder, '.env'), settings)
  return { folder, ...run(['node', join(folder, 'server/local.ts')], { PORT: '0', ...env }) }
}

test.skipIf(platform() !== 'linux').for([
  [{}, 'localhost'],
  [{ HOST: '' }, 'localhost'],
  [{ HOST: '0.0.0.0' }, 'localhost'],
  [{ HOST: '127.0.0.2' }, '127.0.0.2'],
] as const)('npm start with %o listens on loopback unless HOST names another address', async ([env, name]) => {
  const { line } = await startLocal(env)
  const [, host, port] = await line(/Ready on ws:\/\/(.+):(\d+)/)
  expect(host).toBe(name)
  const isOpen = async (address: string) => {
    const socket = connectTcp(Number(port), address)
    onTestFinished(() => void socket.destroy())
    return once(socket, 'connect').then(
      () => true,
      () => false,
    )
  }
  const isEverywhere = 'HOST' in env && env.HOST === '0.0.0.0'
  expect(await isOpen('127.0.0.1')).toBe(name === 'localhost')
  expect(await isOpen('127.0.0.2')).toBe(isEverywhere || name === '127.0.0.2')
})

test('npm start logs the address of the page first, and that it is ready last', async () => {
  const { line, lines } = await startLocal({ CONTROL_PORT: '0', LOGLEVEL: 'debug' })
  await line(/Ready on/)
  expect(lines.map(line => line.split('  ')[1]?.replace(/\d+$/, 'N'))).toEqual([
    'Page on http://localhost:N',
    'Control on http://127.0.0.1:N',
    'LOGLEVEL has no effect: did you mean LOG_LEVEL?',
    'Ready on ws://localhost:N',
  ])
})

test.for([
  ['lines with and without quotes and comments', '# a comment\nREPLY_PREFIX="Écho : " # why\n\nLOG_FORMAT=json\n'],
  ['a byte order mark and CRLF', '\ufeffREPLY_PREFIX=Écho\\ :\r\n'.replace('Écho\\ :', '"Écho : "')],
] as const)('npm start reads .env: %s', async ([, settings]) => {
  const { line } = await startLocal({}, settings)
  const [, port] = await line(/Ready on ws:\/\/localhost:(\d+)/)
  const { socket, next } = await connect(`ws://localhost:${port}/`)
  socket.send('hello')
  expect(await next()).toBe('Écho : hello')
})

test('the environment takes precedence over .env', async () => {
  const { line } = await startLocal({ REPLY_PREFIX: '' }, 'REPLY_PREFIX=no\nPORT=1')
  const [, port] = await line(/Ready on ws:\/\/localhost:(\d+)/)
  const { socket, next } = await connect(`ws://localhost:${port}/`)
  socket.send('hello')
  expect(await next()).toBe('hello')
})

test('a .env that is not text gives one clear line, and it exits with 1', async () => {
  const { exit, lines } = await startLocal({}, Buffer.from('PORT=80\n', 'utf16le'))
  expect(await exit).toBe(1)
  expect(lines).toEqual([expect.stringMatching(/^\.env must be UTF-8 text/)])
})

test('a .env that cannot be read gives one clear line, and it exits with 1', async () => {
  const { folder, kill } = await startLocal({})
  kill('SIGKILL')
  await mkdir(join(folder, '.env'))
  const { exit, lines } = run(['node', join(folder, 'server/local.ts')])
  expect(await exit).toBe(1)
  expect(lines).toEqual([expect.stringMatching(/^\.env cannot be read: EISDIR/)])
})

test('the log names the published addresses if they are set', async () => {
  const { line, lines } = run(['node', 'server/main.ts'], {
    PORT: '0',
    PUBLIC_PAGE_URL: 'http://0.0.0.0:80',
    PUBLIC_WS_URL: 'ws://192.0.2.1:7070',
  })
  await line(/Ready on ws:\/\/192\.0\.2\.1:7070$/)
  expect(lines[0]).toMatch(/Page on http:\/\/localhost$/)
})

test('the log names no published address if Docker chooses the ports', async () => {
  const { line, lines } = run(['node', 'server/main.ts'], {
    PORT: '0',
    PUBLIC_PAGE_URL: 'http://localhost:0',
    PUBLIC_WS_URL: 'ws://localhost:0',
  })
  await line(/Ready on ws:\/\/localhost:\d{2,} inside the container$/)
  expect(lines).toHaveLength(1)
})

test('REPLY_PREFIX is prepended to a text reply', async () => {
  const { url } = await start({ REPLY_PREFIX: 'Écho : ' })
  const { socket, next } = await connect(url)
  socket.send('hello')
  expect(await next()).toBe('Écho : hello')
})

test('npm start serves the page and the echo on one port, logs both addresses, and ends with npm', async () => {
  const { pid = 0, line, exit } = run(['npm', 'start'], { PORT: '0' })
  const [, page = ''] = await line(/(http:\/\/localhost:\d+)/)
  const [, url = ''] = await line(/(ws:\/\/localhost:\d+)/)
  expect(await (await fetch(page)).text()).toContain('<script type="module"')
  for (const Range of ['bytes=10-5', 'bytes=-5']) {
    expect((await fetch(`${page}/main.js`, { headers: { Range } })).status).toBe(200)
  }
  const { socket, next, closed } = await connect(`${url}/ws`)
  socket.send('hello')
  expect(await next()).toBe('[RE]: hello')
  process.kill(pid, 'SIGTERM')
  expect(await closed).toMatchObject({ code: 1001 })
  await exit
})

test('the protocols are read on their first request only, and a build without them serves everything else', async () => {
  const build = run(['node', 'server/build.ts'])
  expect(await build.exit).toBe(0)
  const folder = await mkdtemp(join(tmpdir(), 'without-protocols-'))
  onTestFinished(() => rm(folder, { recursive: true }))
  await cp('server/dist/main.cjs', join(folder, 'main.cjs'))
  const { line, kill, exit } = run(['node', join(folder, 'main.cjs')], { PORT: '0', HOST: '127.0.0.1' })
  const [, port] = await line(/Ready on ws:\/\/127\.0\.0\.1:(\d+)/)
  for (const path of ['socket.io/?EIO=4&transport=polling', 'signalr']) {
    await expect(fetch(`http://127.0.0.1:${port}/${path}`)).rejects.toThrow()
  }
  await line(/ERROR .*socket-io\.cjs/)
  const { socket, next } = await connect(`ws://127.0.0.1:${port}/`)
  socket.send('hi')
  expect(await next()).toBe('[RE]: hi')
  kill('SIGTERM')
  expect(await exit).toBe(0)
})
