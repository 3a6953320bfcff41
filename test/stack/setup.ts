import type { TestProject } from 'vitest/node'
import { reportSkipped } from '../requirements.ts'
import { hasEngine } from './engine.ts'
import { type Addresses, startStack } from './stack.ts'

declare module 'vitest' {
  export interface ProvidedContext {
    /** The stack that tests share; undefined without a Docker engine. */
    stack: Addresses | undefined
  }
}

export default async function setup(project: TestProject) {
  // `npm test` has reported them before its first test.
  if (process.env.npm_lifecycle_event !== 'test') await reportSkipped()
  if (!(await hasEngine())) return
  const { page, ws, down } = await startStack({ build: true })
  project.provide('stack', { page, ws })
  return down
}
