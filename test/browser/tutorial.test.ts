import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { expect, inject, onTestFinished, test } from 'vitest'
import { hasPythonModule, python } from '../requirements.ts'
import { browserNames, findBrowser, launchBrowser } from './browser.ts'
import { openTester } from './tester.ts'

const stack = inject('stack')

/** Starts a server in Python. `printed` resolves when it has printed the lines, and nothing else since the last time. */
async function startTutorialServer(port = 0) {
  const script = fileURLToPath(new URL('tutorial_server.py', import.meta.url))
  // Its stderr has a traceback for each connection that ends, because nothing catches that.
  const server = spawn(python, [script, String(port)], { stdio: ['ignore', 'pipe', 'ignore'] })
  onTestFinished(() => void server.kill())
  const lines = createInterface({ input: server.stdout })[Symbol.asyncIterator]()
  const next = async () => String((await lines.next()).value)
  const printed = async (...expected: string[]) => {
    for (const line of expected) expect(await next()).toBe(line)
  }
  const [, bound] = (await next()).split(' ')
  const kill = async () => {
    server.kill('SIGKILL')
    await once(server, 'exit')
  }
  return { port: Number(bound), printed, kill }
}

const isSkipped = !stack || !hasPythonModule('websockets')

test.skipIf(isSkipped).for(browserNames.filter(findBrowser))(
  'the page in %s works with a server in Python that knows only how to reply',
  async name => {
    const browser = await launchBrowser(name)
    onTestFinished(() => browser.close())
    const tester = await openTester(browser, stack?.page ?? '')
    const server = await startTutorialServer()
    await tester.visit()
    await tester.connectTo(`ws://localhost:${server.port}`)
    await tester.inState('Connected')
    await server.printed('Connected!')
    await tester.send('hello')
    await tester.logged('Sending to the server => hello')
    await tester.logged('Received from the server => [RE]: hello')
    await server.printed('Message received : hello', 'Just replied')

    await tester.page.click('#disconnect')
    await tester.inState('Disconnected')
    expect(await tester.log()).toContain('1000')
    await tester.page.click('#connect')
    await tester.inState('Connected')
    await server.printed('Connected!')

    await server.kill()
    await tester.inState('Disconnected')
    expect(await tester.log()).toContain('1006')
    await tester.page.click('#connect')
    await tester.logged('could not')
    await startTutorialServer(server.port)
    await tester.page.click('#connect')
    await tester.inState('Connected')
    await tester.send('back')
    await tester.logged('Received from the server => [RE]: back')
  },
)
