import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { expect, test } from 'vitest'
import { createPlan } from '../../server/faults/plan.ts'

const COUNT = 1000

/** Returns a query as it arrives: as one string, however long it is. */
const long = (query: string) => Buffer.from(`${query}&message=${'x'.repeat(15_000)}`).toString('latin1')

/** Returns how many bytes of the heap the result of a function keeps. */
function heldBy(make: () => unknown): number {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  const heap = () => {
    collect()
    return process.memoryUsage().heapUsed
  }
  const before = heap()
  const made = make()
  const held = heap() - before
  expect(made).toBeDefined()
  return held
}

test('the counts of a thousand long queries take little memory', () => {
  const plan = createPlan({ faults: true, redirectHosts: new Set() })
  const held = heldBy(() => {
    for (let i = 0; i < COUNT; i++) plan.choose(long(`times=1&key=a-key-of-some-length-${i}`), undefined, 'a').use()
    return plan
  })
  expect(plan.counts()).toHaveLength(COUNT)
  expect(held).toBeLessThan(COUNT * 4096)
})

test('the name of a test does not keep the query that it came in', () => {
  const plan = createPlan({ faults: true, redirectHosts: new Set() })
  const held = heldBy(() =>
    Array.from(
      { length: COUNT },
      (_, i) => plan.choose(long(`test-id=a-test-of-some-length-${i}`), undefined, 'a').testId,
    ),
  )
  expect(held).toBeLessThan(COUNT * 4096)
})
