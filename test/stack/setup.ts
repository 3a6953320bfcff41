import { getContainerRuntimeClient } from 'testcontainers'
import type { TestProject } from 'vitest/node'
import { browserNames, findBrowser, findProgram } from '../browser/browser.ts'
import { type Addresses, startStack } from './stack.ts'

declare module 'vitest' {
  export interface ProvidedContext {
    /** The stack that tests share; undefined where there is no Docker engine. */
    stack: Addresses | undefined
  }
}

/** Where something that tests need is missing: a failure in CI, elsewhere one line that says what is skipped. */
function skip(what: string, why: string): void {
  if (process.env.CI) throw new Error(`CI lacks what the tests of ${what} need: ${why}`)
  console.warn(`Skipped: the tests of ${what}, since ${why}`)
}

export default async function setup(project: TestProject) {
  for (const name of browserNames) if (!findBrowser(name)) skip(`the page in ${name}`, 'it is not installed')
  if (!findProgram('certutil')) skip('TLS in browsers', 'certutil (libnss3-tools) is not installed')

  try {
    await getContainerRuntimeClient()
  } catch (error) {
    skip('the containers and the page', `no Docker engine answers (${(error as Error).message})`)
    return
  }
  const { page, ws, down } = await startStack({ build: true })
  project.provide('stack', { page, ws })
  return down
}
