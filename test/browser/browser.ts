import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'
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
