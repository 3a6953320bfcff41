import { execFile } from 'node:child_process'
import { accessSync, constants } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { delimiter, join } from 'node:path'
import { promisify } from 'node:util'
import { type Browser, type LaunchOptions, launch } from 'puppeteer-core'

const executables = {
  chrome: ['chromium', 'chromium-browser', 'google-chrome'],
  firefox: ['firefox-esr', 'firefox'],
}

export type BrowserName = keyof typeof executables

export const browserNames = Object.keys(executables) as BrowserName[]

const isExecutable = (path: string) => {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}

/** Returns the path of the first of these programs that is installed. */
export function findProgram(...files: string[]): string | undefined {
  const folders = (process.env.PATH ?? '').split(delimiter)
  return files.flatMap(file => folders.map(folder => join(folder, file))).find(isExecutable)
}

/** Returns the path of a browser if it is installed. */
export const findBrowser = (name: BrowserName): string | undefined => findProgram(...executables[name])

const chromeArguments = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]

/** Starts an installed browser, headless and with a new profile. @throws if it is not installed */
export function launchBrowser(name: BrowserName, { args = [], ...options }: LaunchOptions = {}): Promise<Browser> {
  const executablePath = findBrowser(name)
  if (executablePath === undefined) throw new Error(`${name} is not installed`)
  return launch({
    ...options,
    browser: name,
    executablePath,
    headless: true,
    args: [...(name === 'chrome' ? chromeArguments : []), ...args],
  })
}

/**
 * Creates a profile that trusts a certificate authority, in an empty folder. Needs certutil.
 * @returns how to launch the browser with it
 */
export async function createTrustingProfile(
  name: BrowserName,
  folder: string,
  authority: string,
): Promise<LaunchOptions> {
  // Chromium keeps certificates in the home folder, Firefox in its profile.
  const profile = join(folder, 'profile')
  const store = name === 'chrome' ? join(folder, '.pki/nssdb') : profile
  await mkdir(store, { recursive: true })
  const certutil = (...args: string[]) => promisify(execFile)('certutil', [...args, '-d', `sql:${store}`])
  await certutil('-N', '--empty-password')
  await certutil('-A', '-n', 'echo', '-t', 'C,,', '-i', authority)
  return { userDataDir: profile, env: { ...process.env, HOME: folder } }
}
