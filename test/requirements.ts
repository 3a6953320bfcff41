import { spawnSync } from 'node:child_process'
import { browserNames, findBrowser, findProgram } from './browser/browser.ts'
import { findEngine } from './stack/engine.ts'

export const python = '/usr/bin/python3'

/** Whether the Python of the system has a module. */
export const hasPythonModule = (name: string) => spawnSync(python, ['-c', `import ${name}`]).status === 0

/** Returns one line for each group of tests that can't run on this machine: the tests, and the reason. */
export async function findSkipped(): Promise<string[]> {
  const skipped: string[] = []
  if (process.platform !== 'linux') skipped.push('memory and resets of connections: they are read in /proc, on Linux')
  for (const [name, of] of Object.entries({ websockets: 'python3-websockets', websocket: 'python3-websocket' })) {
    if (!hasPythonModule(name)) skipped.push(`Python's clients: ${python} has no module ${name} (${of})`)
  }
  if (!findProgram('websocketd')) skipped.push('a backend of websocketd: it is not installed')
  if (!findProgram('curl')) skipped.push('curl: it is not installed')
  if (!findProgram('openssl')) skipped.push('the verification of certificates: openssl is not installed')
  try {
    await findEngine()
  } catch (error) {
    return [...skipped, `containers and the page: no Docker engine with compose answers (${(error as Error).message})`]
  }
  for (const name of browserNames) if (!findBrowser(name)) skipped.push(`the page in ${name}: it is not installed`)
  if (!findProgram('certutil')) skipped.push('TLS in browsers: certutil (libnss3-tools) is not installed')
  return skipped
}

/**
 * Prints which tests will be skipped, and why.
 * @throws where `CI` is set, if there are any
 */
export async function reportSkipped(): Promise<void> {
  const skipped = await findSkipped()
  for (const line of skipped) console.warn(`Skipped here: ${line}`)
  if (process.env.CI && skipped.length > 0) throw new Error('No test may be skipped where CI is set')
}

if (import.meta.main) {
  console.log('npm test takes about 12 minutes on two cores, or 5 without a Docker engine.')
  try {
    await reportSkipped()
  } catch (error) {
    console.error((error as Error).message)
    process.exitCode = 1
  }
}
