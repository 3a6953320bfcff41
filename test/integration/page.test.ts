import { copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { createPage, headersOf } from '../../server/page.ts'
import { run } from './run.ts'
import { serve } from './serve.ts'

const kinds = {
  'index.html': 'text/html; charset=utf-8',
  'main.js': 'text/javascript; charset=utf-8',
  'main.js.map': 'application/json',
  'style.css': 'text/css; charset=utf-8',
  'favicon.svg': 'image/svg+xml',
}

/** Serves a page from a new folder. */
async function servePage(files: Record<string, string> = {}) {
  const parent = await mkdtemp(join(tmpdir(), 'page-'))
  onTestFinished(() => rm(parent, { recursive: true }))
  const folder = join(parent, 'dist')
  const put = (name: string, text: string) => writeFile(join(folder, name), text)
  const fill = async (files: Record<string, string>) => {
    await mkdir(folder)
    for (const [name, text] of Object.entries(files)) await put(name, text)
  }
  if (Object.keys(files).length > 0) await fill(files)
  const { http, port } = await serve({}, { page: createPage(folder, { 'X-Test': 'yes' }) })
  const text = async (name: string) => (await fetch(http + name)).text()
  return { http, port, folder, fill, put, text }
}

test('each file of the page is served with its type, its length and the given headers', async () => {
  const { http } = await servePage(Object.fromEntries(Object.keys(kinds).map(name => [name, `the text of ${name}`])))
  for (const [name, type] of Object.entries(kinds)) {
    const response = await fetch(`${http}${name}?query`)
    expect(await response.text()).toBe(`the text of ${name}`)
    expect(response.headers.get('content-type')).toBe(type)
    expect(response.headers.get('content-length')).toBe(String(name.length + 12))
    expect(response.headers.get('x-test')).toBe('yes')
  }
  expect(await (await fetch(http)).text()).toBe('the text of index.html')
})

test('HEAD gets the same headers and no body', async () => {
  const { http } = await servePage({ 'index.html': 'hello' })
  const response = await fetch(http, { method: 'HEAD' })
  expect(response.status).toBe(200)
  expect(response.headers.get('content-length')).toBe('5')
  expect(await response.text()).toBe('')
})

test('any other method, name, kind or folder gets the 426', async () => {
  const { http, port, folder, put } = await servePage({ 'index.html': 'hello' })
  await put('notes.txt', 'not of the page')
  await put('../outside.js', 'not of the page')
  await mkdir(join(folder, 'folder.js'))
  expect((await fetch(http, { method: 'POST' })).status).toBe(426)
  const paths = ['/missing.js', '/notes.txt', '/folder.js', '/.html', '//index.html', '/./index.html', '/%00.js']
  for (const path of [...paths, '/../outside.js', '/..%2foutside.js', '/..\\outside.js', '/dist/../../outside.js']) {
    const socket = connect(port, '127.0.0.1')
    socket.write(`GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`)
    expect(Buffer.concat(await Array.fromAsync(socket)).toString(), path).toMatch(/^HTTP\/1.1 426 /)
  }
})

test('a rebuilt page is served without a restart', async () => {
  const { http, put, text } = await servePage({ 'main.js': 'before' })
  expect(await text('main.js')).toBe('before')
  await put('main.js', 'after a change')
  expect(await text('main.js')).toBe('after a change')
  expect((await fetch(`${http}chunk.js`)).status).toBe(426)
  await put('chunk.js', 'new')
  expect(await text('chunk.js')).toBe('new')
})

test('during a rebuild, the page is served as before', async () => {
  const { folder, fill, put, text } = await servePage({ 'main.js': 'before' })
  expect(await text('main.js')).toBe('before')
  await put('main.js', '')
  expect(await text('main.js')).toBe('before')
  await rm(folder, { recursive: true })
  expect(await text('main.js')).toBe('before')
  await fill({ 'main.js': 'after' })
  expect(await text('main.js')).toBe('after')
})

test('a page that is built after the start is served', async () => {
  const { http, fill, text } = await servePage()
  expect((await fetch(http)).status).toBe(426)
  await fill({ 'index.html': 'hello' })
  expect(await text('')).toBe('hello')
})

test('the headers are those of the servers in nginx.conf, except those with variables', () => {
  const conf = `
  server {
    add_header Retry-After $retry_after always;
  }
  server {
    # add_header X-Comment no always;
    add_header Content-Security-Policy "default-src 'none'; img-src 'self'" always;
    add_header Cache-Control no-cache always;
    add_header X-Quoted "a $variable" always;
    location / {
      add_header X-Location no always;
    }
  }`
  expect(headersOf(conf)).toEqual({
    'Content-Security-Policy': "default-src 'none'; img-src 'self'",
    'Cache-Control': 'no-cache',
  })
})

test('npm start serves the page with the headers that NGINX sends', async () => {
  const conf = await readFile('nginx.conf', 'utf8')
  const names = Array.from(conf.matchAll(/^ {4}add_header (\S+) [^$]+? always;$/gm), ([, name = '']) => name)
  expect(names).toContain('Content-Security-Policy')
  const { line } = run(['npm', 'start'], { PORT: '0', HOST: '127.0.0.1' })
  const [page = ''] = await line(/http:\/\/127.0.0.1:\d+/)
  for (const path of ['/', '/main.js', '/style.css', '/favicon.svg']) {
    const { status, headers } = await fetch(page + path)
    expect(status).toBe(200)
    for (const name of names) {
      const value = headers.get(name) ?? 'none'
      expect([`add_header ${name} ${value} always;`, `add_header ${name} "${value}" always;`]).toSatisfy(
        (lines: string[]) => lines.some(line => conf.includes(line)),
      )
    }
  }
})

test('a client that requests the page repeatedly without reading opens no files', async () => {
  const { line } = run(['sh', '-c', 'ulimit -n 200 && exec npm start'], { PORT: '0', HOST: '127.0.0.1' })
  const [page = ''] = await line(/http:\/\/127.0.0.1:\d+/)
  const socket = connect(Number(new URL(page).port), '127.0.0.1')
  onTestFinished(() => void socket.destroy())
  socket.pause().on('error', () => {})
  await new Promise(resolve => socket.write('GET /main.js.map HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(1000), resolve))
  for (let i = 0; i < 20; i++) expect((await fetch(page)).status).toBe(200)
})

test('no script of package.json needs a POSIX shell', async () => {
  const { scripts } = JSON.parse(await readFile('package.json', 'utf8'))
  for (const script of Object.values(scripts)) expect(script).not.toMatch(/(^|[&|;]\s*)(exec\s|[A-Z_]+=)|[;'`$]/)
})

test('npm run dev serves the page and ends with npm', async () => {
  const { pid = 0, line, exit } = run(['npm', 'run', 'dev'], { PORT: '0', HOST: '127.0.0.1' })
  const [page = ''] = await line(/http:\/\/127.0.0.1:\d+/)
  await line(/build finished/)
  expect((await fetch(page)).status).toBe(200)
  process.kill(pid, 'SIGTERM')
  await exit
  await expect(fetch(page)).rejects.toThrow()
})

test('without the packages, npm start says in one line how to install them', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'start-'))
  onTestFinished(() => rm(folder, { recursive: true }))
  await copyFile('server/start.js', join(folder, 'start.mjs'))
  const { exit, lines } = run(['node', join(folder, 'start.mjs')])
  expect(await exit).toBe(1)
  expect(lines).toEqual(['Packages are missing. Run "npm ci --include=dev", then try again.'])
})

test('with a Node.js that cannot run TypeScript, npm start says in one line what to do', async () => {
  const { exit, lines } = run(['node', '--no-experimental-strip-types', 'server/start.js'])
  expect(await exit).toBe(1)
  expect(lines).toHaveLength(1)
  expect(lines[0]).toContain('npm rebuild node --ignore-scripts=false')
})

test('npm ci installs the packages for npm start even with NODE_ENV=production', async () => {
  const { exit, lines } = run(['npm', 'ls', 'esbuild', '--package-lock-only'], { NODE_ENV: 'production' })
  expect(await exit).toBe(0)
  expect(lines.join()).toContain('esbuild@')
})
