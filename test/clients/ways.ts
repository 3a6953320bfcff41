import { execFile, spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { type BrowserName, createTrustingProfile, findBrowser, findProgram, launchBrowser } from '../browser/browser.ts'
import { type Check, type CheckName, checks } from './checks.ts'
import { attempt } from './programs/web.ts'

/** The version, and the events of each check in order, such as `open text close:1000:`. */
export type Report = { version: string; events: Record<string, string> }

/** The address of each check that can be made, a page that may connect there, an empty folder, and the certificate of the authority. */
export type Surroundings = {
  urlOf: (check: CheckName) => string | undefined
  page: string
  folder: string
  authority: string
}

/** A way to run a client. */
export type Way = {
  /** Whether only those who ask for the client by its name run it. */
  isByHand: boolean
  /** Returns what has to be installed first, if anything. */
  findMissing(): string | undefined
  run(surroundings: Surroundings): Promise<Report>
}

const folder = fileURLToPath(new URL('.', import.meta.url))
const programs = join(folder, 'programs')

// Programs give up each check after 5 seconds. If one hangs all the same, its other checks fail.
const options = { cwd: programs, timeout: 80_000, maxBuffer: 2 ** 24 }

/** Returns the name, the address, the payload and the subprotocol of each check. */
const checksAt = ({ urlOf }: Surroundings) =>
  (Object.entries(checks) as [CheckName, Check][]).flatMap(([name, { sends = '-', subprotocol = '-' }]) => {
    const url = urlOf(name)
    return url === undefined ? [] : [[name, url, sends, subprotocol] as const]
  })

/** Runs a program, which prints a line of JSON for its version and for each check. */
async function report(
  file: string,
  words: string[],
  surroundings: Surroundings,
  environment: Record<string, string> = {},
): Promise<Report> {
  const env = { ...process.env, ...environment }
  const made = checksAt(surroundings)
  // A program that crashes has reported the checks before.
  const { stdout, stderr } = await promisify(execFile)(file, [...words, ...made.flat()], { ...options, env }).catch(
    error => error,
  )
  const lines = (stdout as string).split('\n').filter(line => line.startsWith('{'))
  const report: Report = { version: '', events: {} }
  for (const { version, check, events } of lines.map(line => JSON.parse(line))) {
    if (version) report.version = version
    else report.events[check] = events
  }
  if (lines.length <= made.length) console.warn(stderr)
  return report
}

/**
 * A program on this machine.
 * @param run shell commands that run in the folder of the programs. $BUILD is an empty folder
 * @param probe shell commands that succeed if the client is installed
 * @param install what to run if it is not
 */
export const program = (run: string, probe: string, install: string): Way => ({
  isByHand: false,
  findMissing: () => (spawnSync('sh', ['-c', probe], { cwd: programs }).status === 0 ? undefined : install),
  run: surroundings => {
    const { folder, authority } = surroundings
    return report('sh', ['-c', run, 'sh'], surroundings, {
      BUILD: folder,
      DENO_CERT: authority,
      NODE_EXTRA_CA_CERTS: authority,
      SSL_CERT_FILE: authority,
    })
  },
})

/** A client whose Debian packages are installed, and whose program is built, in a container. */
export const contained = (
  packages: string,
  files: string,
  { build = 'true', run }: { build?: string; run: string },
): Way => ({
  isByHand: true,
  findMissing: () => (spawnSync('docker', ['info']).status === 0 ? undefined : 'a Docker engine'),
  async run(surroundings) {
    const [name = ''] = files.split(' ')
    const image = `websocket-echo-client-${name.toLowerCase()}`
    const args = Object.entries({ PACKAGES: packages, FILES: files, BUILD: build }).map(
      ([key, value]) => `--build-arg=${key}=${value}`,
    )
    await promisify(execFile)(
      'docker',
      ['build', '--tag', image, ...args, '--file', join(folder, 'Dockerfile'), programs],
      { maxBuffer: 2 ** 26 },
    )
    const own = ['--volume', `${surroundings.authority}:/authority.crt:ro`, '--env', 'SSL_CERT_FILE=/authority.crt']
    return report('docker', ['run', '--rm', '--init', '--network=host', ...own, image, run, 'sh'], surroundings)
  },
})

/** A browser. */
export const browser = (name: BrowserName): Way => ({
  isByHand: false,
  findMissing: () =>
    findBrowser(name) && findProgram('certutil') ? undefined : `${name} and certutil (libnss3-tools)`,
  async run(surroundings) {
    const profile = await createTrustingProfile(name, surroundings.folder, surroundings.authority)
    const browser = await launchBrowser(name, profile)
    try {
      const page = await browser.newPage()
      await page.goto(surroundings.page)
      const report: Report = { version: /[\d.]+/.exec(await browser.version())?.[0] ?? '', events: {} }
      for (const [check, url, sends, subprotocol] of checksAt(surroundings)) {
        report.events[check] = await page.evaluate(attempt, url, sends, subprotocol)
      }
      return report
    } finally {
      await browser.close()
    }
  },
})
