import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { cp, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify, stripVTControlCharacters } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { launchBrowser } from '../browser/browser.ts'
import { python } from '../requirements.ts'
import { startReaper } from '../stack/engine.ts'
import { patternOf, readSteps, type Step } from './steps.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const run = promisify(execFile)

let folder: string
let home: string

beforeAll(async () => {
  await startReaper()
  // As a reader's clone, whose name becomes that of the images.
  folder = join(await mkdtemp(join(tmpdir(), 'docs-')), 'websocket-echo')
  const { stdout } = await run('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], { cwd: root })
  for (const file of stdout.split('\0').filter(Boolean)) await cp(join(root, file), join(folder, file))
  await run('npm', ['ci'], { cwd: folder })

  // What the machine of a reader has: a Python with websockets, and a terminal, where curl shows no progress.
  home = join(folder, '../home')
  await mkdir(home)
  await symlink(python, join(home, 'python3'))
  await writeFile(join(home, '.curlrc'), 'no-progress-meter\n')
  return () => rm(join(folder, '..'), { recursive: true, force: true })
})

/** Returns the environment of a reader, who confirms that npx may install a package. */
function createEnvironment(): NodeJS.ProcessEnv {
  const own = Object.entries(process.env).filter(
    ([name]) => !/^(CI|VITEST.*|npm_(?!config_).*|.*_COLOR|NODE_ENV)$/.test(name),
  )
  const path = `${home}${delimiter}${process.env.PATH}`
  return { ...Object.fromEntries(own), CURL_HOME: home, PATH: path, npm_config_yes: 'true' }
}

const interpreters = {
  sh: ['bash', '--norc', '-euo', 'pipefail', '-c'],
  js: ['node', '-e'],
  python: ['python3', '-c'],
}

/** Runs a step's program in the reader's clone, and gathers what it prints. */
function start({ language, code }: Step) {
  const [program = '', ...args] = [...interpreters[language], code]
  const child = spawn(program, args, {
    cwd: folder,
    env: createEnvironment(),
    detached: true,
    // Some programs end with their standard input, which stays open in a reader's terminal.
    stdio: 'pipe',
  })
  let output = ''
  const arrived: (() => void)[] = []
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += stripVTControlCharacters(text).replaceAll('\r', '')
      for (const look of arrived) look()
    })
  }
  const ended = once(child, 'close').then(([code]) => code as number | null)
  return {
    child,
    ended,
    output: () => output,
    /** Resolves when the output matches; rejects when the program ends before that. */
    prints: (pattern: RegExp) =>
      new Promise<void>((resolve, reject) => {
        const look = () => pattern.test(output) && resolve()
        arrived.push(look)
        look()
        void ended.then(code => reject(new Error(`ended with ${code} before that:\n${output}`)))
      }),
  }
}

async function inConsole(address: string, { code, expected = '' }: Step): Promise<void> {
  const browser = await launchBrowser('chrome')
  try {
    const page = await browser.newPage()
    const printed = new Promise(resolve => page.on('console', message => resolve(message.text())))
    await page.goto(address)
    // As typed into the console: not bound by the page's Content-Security-Policy.
    await (await page.createCDPSession()).send('Runtime.evaluate', { expression: code })
    expect(await printed).toMatch(new RegExp(`^${patternOf(expected)}$`))
  } finally {
    await browser.close()
  }
}

const running = new Set<ReturnType<typeof start>>()

/** Presses Ctrl+C for everything that still runs. */
async function stopAll(): Promise<void> {
  for (const { child, ended } of running) {
    if (isRunning(child)) process.kill(-(child.pid ?? 0), 'SIGINT')
    await ended
  }
  running.clear()
}

const isRunning = ({ exitCode, signalCode }: ChildProcess) => exitCode === null && signalCode === null

const names = (await readdir(join(root, 'docs'))).filter(name => name.endsWith('.md'))
const documents = await Promise.all(
  ['README.md', ...names.map(name => `docs/${name}`)].map(async document => ({
    document,
    steps: readSteps(await readFile(join(root, document), 'utf8')),
  })),
)

describe.for(documents.filter(({ steps }) => steps.length > 0))('$document', ({ steps }) => {
  afterAll(stopAll)

  for (const step of steps) {
    if (step === 'stop') {
      test('(stops what still runs)', stopAll)
      continue
    }
    const { code, expected, fails, isBackground, console } = step
    test(code.split('\n', 1)[0] ?? '', async () => {
      if (console !== undefined) return inConsole(console, step)
      const program = start(step)
      running.add(program)
      if (isBackground) {
        return program.prints(new RegExp(`^${patternOf(expected ?? '')}`, 'm'))
      }
      expect((await program.ended) === 0, program.output()).toBe(!fails)
      if (expected !== undefined) expect(program.output().trimEnd()).toMatch(new RegExp(`^${patternOf(expected)}$`))
    })
  }
})
