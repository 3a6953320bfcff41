import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { WebSocketServer } from 'ws'
import { type Language, languages, toCode } from '../../client/core/code.ts'
import type { Message } from '../../client/core/message.ts'
import { hasPythonModule, python } from '../requirements.ts'

let server: WebSocketServer
let url: string

beforeEach(async () => {
  server = new WebSocketServer({ port: 0, host: '127.0.0.1' })
  await once(server, 'listening')
  url = `ws://127.0.0.1:${(server.address() as AddressInfo).port}/a'b$(echo)%22?delay=1ms&reason=a'b"$HOME\``
})

afterEach(() => {
  for (const peer of server.clients) peer.terminate()
  server.close()
})

/** Runs a command until the server has answered and closed, and returns what the server and the command got. */
async function run(command: string, args: string[], env = process.env) {
  const arrived = Promise.withResolvers<{ path: string; protocols: string; message: Message }>()
  server.on('connection', (peer, request) => {
    peer.on('message', (data: Buffer, isBinary) => {
      const message = isBinary ? Uint8Array.from(data) : String(data)
      arrived.resolve({
        path: request.url ?? '',
        protocols: request.headers['sec-websocket-protocol']?.replaceAll(' ', '') ?? '',
        message,
      })
      peer.send('answer', () => peer.close(1000, 'done'))
    })
  })
  const output = new Promise<string>(resolve => {
    execFile(command, args, { env }, (error, stdout, stderr) => {
      arrived.reject(new Error(`${error}\n${stderr}`))
      resolve(stdout)
    })
  })
  return { ...(await arrived.promise), output: await output }
}

const quotes = ['"', "'", '`', '\\', '$HOME', '$(echo)', '$x', '%s', '!!', '#', '{{a}}', '</script><!--', "'''", '-x']
const strange = [...'\b\f\n\r\t\x1b\x7f\x85\u2028\u202e\ufeff\u{e0041}\u200d'].join(' ')
const backslashes = '\\n \\x41 \\u0041 \\'
const messages: [string, Message][] = [
  ['nothing', ''],
  ['every kind of quote, backslashes and all planes', [...quotes, 'né€👋🏽 ﷽', backslashes].join(' ')],
  ['invisible characters and a lone surrogate', `${strange}\ud800`],
]
const binary: [string, Message][] = [
  ['NUL characters', 'a\0b'],
  ['bytes', Uint8Array.from({ length: 256 }, (_, i) => i)],
  ['no bytes', new Uint8Array()],
]

const isPythonMissing = !hasPythonModule('websockets')
const runners: [Language, (code: string) => [string, string[]], boolean][] = [
  ['browser', code => [process.execPath, ['--input-type=module', '-e', code]], false],
  ['node', code => [process.execPath, ['--input-type=module', '-e', code]], false],
  ['python', code => [python, ['-c', code]], isPythonMissing],
]

for (const [language, command, isMissing] of runners) {
  describe.skipIf(isMissing)(`the code for ${language}`, () => {
    test.each([...messages, ...binary])('sends %s', async (_, message) => {
      const code = toCode(language, { url, protocols: ['chat.v2', "a'b`$x"], message })
      const got = await run(...command(code))
      expect(got).toMatchObject({
        path: new URL(url).pathname + new URL(url).search,
        protocols: "chat.v2,a'b`$x",
        message: typeof message === 'string' ? message.toWellFormed() : message,
      })
      expect(got.output).toContain('answer')
    })

    test('offers no subprotocol if there is none', async () => {
      expect(await run(...command(toCode(language, { url, protocols: [], message: 'a' })))).toMatchObject({
        protocols: '',
      })
    })
  })
}

test('a bash gets each argument of wscat as it is', async () => {
  for (const [, message] of messages) {
    const code = toCode('wscat', { url, protocols: ["a'b`$x"], message })
    const output = await new Promise<string>(resolve => {
      execFile('bash', ['-c', `wscat() { printf '%s\\0' "$@"; }\n${code}`], (_, stdout) => resolve(stdout))
    })
    expect(output.split('\0').slice(0, -1)).toEqual([
      ...['--connect', new URL(url).href, '--subprotocol', "a'b`$x", '--wait', '-1', '--execute'],
      String(message).toWellFormed(),
    ])
  }
})

test.each(binary)('the command for wscat says that it cannot send %s', (_, message) => {
  const code = toCode('wscat', { url: 'ws://h/', protocols: [], message })
  expect(code).toContain('# wscat cannot send')
  expect(code.endsWith("\nwscat --connect 'ws://h/'\n")).toBe(true)
})

test('curl prints the response to the handshake', async () => {
  const code = toCode('curl', { url, protocols: ['chat', "a'b`$x"] }).replace('--max-time 3', '--max-time 1')
  const asked = once(server, 'headers').then(([, request]) => request)
  const output = await new Promise<string>(resolve => {
    execFile('bash', ['-c', code], (_, stdout) => resolve(stdout))
  })
  const request = await asked
  expect(request.url).toBe(new URL(url).pathname + new URL(url).search)
  expect(request.headers['sec-websocket-protocol']).toBe("chat, a'b`$x")
  expect(output).toMatch(/^HTTP\/1\.1 101 Switching Protocols\r\n/)
})

describe('the code for Go', () => {
  test('escapes a text', () => {
    const code = toCode('go', { url: 'ws://h/', protocols: ['chat'], message: '"\\\n\0\u202e\u{e0041}é' })
    expect(code).toContain('[]byte("\\"\\\\\\n\\u0000\\u202e\\U000e0041é")')
    expect(code).toContain('dialer.Subprotocols = []string{"chat"}')
  })

  test('escapes bytes', () => {
    const code = toCode('go', { url: 'ws://h/', protocols: [], message: Uint8Array.of(0, 255) })
    expect(code).toContain('websocket.BinaryMessage, []byte("\\x00\\xff")')
    expect(code).not.toContain('Subprotocols')
  })

  // Debian's golang-github-gorilla-websocket-dev.
  const GOPATH = '/usr/share/gocode'
  test.skipIf(!existsSync(`${GOPATH}/src/github.com/gorilla/websocket`))('sends the message', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'code-'))
    const file = join(directory, 'main.go')
    const message = `${quotes.join(' ')}${strange}\0`
    await writeFile(file, toCode('go', { url, protocols: ['chat.v2', "a'b`$x"], message }))
    const env = { ...process.env, GOPATH, GO111MODULE: 'off', GOFLAGS: '' }
    const got = await run('go', ['run', file], env)
    await rm(directory, { recursive: true })
    expect(got).toMatchObject({ protocols: "chat.v2,a'b`$x", message })
    expect(got.output).toBe('Received: "answer"\n')
  })
})

test.each(languages)('the code for %s sends nothing without a message', language => {
  expect(toCode(language, { url: 'ws://h/', protocols: [] })).not.toMatch(/send\(|Write\(|--execute/)
})

test.each(languages)('the code for %s has no invisible characters', language => {
  const code = toCode(language, { url: 'ws://h/', protocols: [], message: strange })
  expect(code).not.toMatch(/(?![\n\t])[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]|<\/script|<!--/u)
})
