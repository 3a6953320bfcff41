import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { patternOf, readSteps } from '../docs/steps.ts'
import { serve } from './serve.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const steps = readSteps(await readFile(`${root}/docs/protocols.md`, 'utf8')).filter(step => step !== 'stop')

test.for([
  ['Socket.IO', 'socket.io-client'],
  ['SignalR', '@microsoft/signalr'],
] as const)('the JavaScript for %s in docs/protocols.md prints the output below it', async ([, client]) => {
  const { port } = await serve()
  const toPort = (text: string) => text.replaceAll('localhost:7777', `127.0.0.1:${port}`)
  const { code = '', expected = '' } = steps.find(({ code }) => code.includes(`from '${client}'`)) ?? {}
  expect(code).toContain('localhost:7777')
  const { stdout } = await promisify(execFile)(process.execPath, ['-e', toPort(code)], { cwd: root })
  expect(stdout.trimEnd()).toMatch(new RegExp(`^${patternOf(toPort(expected))}$`))
})
