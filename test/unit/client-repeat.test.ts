import { describe, expect, test } from 'vitest'
import { createRepeat, type RepeatProgress, type RepeatResult } from '../../client/core/repeat.ts'
import { checkRepeat, isDefault, parseRepeatSettings } from '../../client/core/repeat-fields.ts'

/** Creates a repetition with a simulated clock. */
function simulate(options: { count: number; interval: number; patience?: number }) {
  const world = { time: 0, sent: [] as number[], progress: [] as RepeatProgress[], results: [] as RepeatResult[] }
  const tasks: { task: () => void; at: number }[] = []
  const repeat = createRepeat(
    { inFlight: 0, ...options },
    {
      send: () => world.sent.push(world.time) > 0,
      bufferedAmount: () => 0,
      onProgress: progress => world.progress.push(progress),
      onEnd: result => world.results.push(result),
      now: () => world.time,
      schedule: (task, delay) => tasks.push({ task, at: world.time + delay }),
    },
  )
  function runTo(end: number) {
    for (;;) {
      tasks.sort((a, b) => a.at - b.at)
      const next = tasks[0]
      if (!next || next.at > end) break
      tasks.shift()
      world.time = Math.max(world.time, next.at)
      next.task()
    }
    world.time = end
  }
  return { world, repeat, runTo }
}

test('sends a message every N seconds until it is stopped', () => {
  const { world, repeat, runTo } = simulate({ count: Number.POSITIVE_INFINITY, interval: 5000 })
  repeat.start()
  runTo(16_000)
  expect(world.sent).toEqual([0, 5000, 10_000, 15_000])
  for (let i = 0; i < 4; i++) repeat.answered()
  expect(world.results).toEqual([])
  repeat.stop()
  expect(world.results).toEqual([{ sent: 4, answered: 4, seconds: 16, isStopped: true }])
  runTo(60_000)
  expect(world.sent).toHaveLength(4)
})

test('sends no volley after the machine has slept', () => {
  const { world, repeat, runTo } = simulate({ count: Number.POSITIVE_INFINITY, interval: 5000 })
  repeat.start()
  world.time = 3_600_000
  runTo(3_600_000)
  expect(world.sent).toHaveLength(2)
})

test('with patience, ends although no reply has come', () => {
  const { world, repeat, runTo } = simulate({ count: 2, interval: 1000, patience: 2000 })
  repeat.start()
  runTo(2999)
  expect(world.results).toEqual([])
  runTo(3000)
  expect(world.results).toEqual([{ sent: 2, answered: 0, seconds: 3, isStopped: false }])
})

test('does not wait when every message is answered', () => {
  const { world, repeat, runTo } = simulate({ count: 1, interval: 0, patience: 2000 })
  repeat.start()
  repeat.answered()
  runTo(5000)
  expect(world.results).toEqual([{ sent: 1, answered: 1, seconds: 0, isStopped: false }])
})

describe('the form', () => {
  const fields = { count: '', seconds: '5', inFlight: '0' }

  test.each([
    [fields, { count: Number.POSITIVE_INFINITY, interval: 5000, inFlight: 0 }],
    [
      { count: ' 3 ', seconds: '0.25', inFlight: '16' },
      { count: 3, interval: 250, inFlight: 16 },
    ],
    [
      { count: '1000000', seconds: '0', inFlight: '10000' },
      { count: 1_000_000, interval: 0, inFlight: 10_000 },
    ],
  ])('%j is read as %j', (typed, options) => {
    expect(checkRepeat(typed)).toEqual(options)
  })

  test.each([
    ['count', '0', 'a whole number from 1 to 1,000,000, or nothing'],
    ['count', '1.5', 'a whole number from 1'],
    ['count', 'ten', 'a whole number from 1'],
    ['seconds', '', 'seconds from 0 to 86,400'],
    ['seconds', '-1', 'seconds from 0'],
    ['seconds', '1e3', 'seconds from 0'],
    ['seconds', '0.0001', 'seconds from 0'],
    ['seconds', '86401', 'seconds from 0'],
    ['inFlight', '10001', 'a whole number from 0 to 10,000'],
  ])('names the field and the allowed range: %s "%s"', (field, typed, words) => {
    expect(checkRepeat({ ...fields, [field]: typed })).toEqual({ field, problem: expect.stringContaining(words) })
  })
})

test('settings that are missing or invalid get their defaults', () => {
  const defaults = { count: '', seconds: '1', inFlight: '0', isAtConnect: false }
  for (const json of [undefined, null, 1, {}, { count: 1, seconds: null, isAtConnect: 'yes' }]) {
    expect(parseRepeatSettings(json)).toEqual(defaults)
  }
  const settings = { count: 'x', seconds: '0.5', inFlight: '', isAtConnect: true }
  expect(parseRepeatSettings(settings)).toEqual(settings)
  expect([isDefault(defaults), isDefault(settings), isDefault({ ...defaults, isAtConnect: true })]).toEqual([
    true,
    false,
    false,
  ])
})
