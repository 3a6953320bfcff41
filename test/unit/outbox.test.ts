import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import type { Message } from '../../server/connection/behaviour.ts'
import { Outbox } from '../../server/faults/outbox.ts'
import { Scheduler } from '../../server/wire/scheduler.ts'

const message = (text: string): Message => ({ payload: Buffer.from(text), isBinary: false })

/** Returns an outbox and the messages that it sends. Without `isPrompt`, each leaves when `leave` is called. */
function createTested({ wait = (): number => 0, isPrompt = true } = {}) {
  const sent: string[] = []
  const leaving: (() => void)[] = []
  let waiting = 0
  let pending = 0
  const outbox = new Outbox({
    wait,
    send({ payload }, kind, left) {
      sent.push(kind === 'push' ? `pushed ${payload}` : `${payload}`)
      if (isPrompt) left()
      else leaving.push(left)
    },
    countWaiting: cost => (waiting += cost),
    countPending: bytes => (pending += bytes),
    scheduler: new Scheduler(),
  })
  return { outbox, sent, leave: () => leaving.shift()?.(), waiting: () => waiting, pending: () => pending }
}

beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] }))
afterEach(() => void vi.useRealTimers())

test('a reply without a delay leaves at once', () => {
  const { outbox, sent, waiting } = createTested()
  outbox.reply(message('a'), 1)
  expect(sent).toEqual(['a'])
  expect(waiting()).toBe(0)
})

test('replies leave after their delay, in order, and count while they wait', () => {
  const waits = [50, 10, 30]
  const { outbox, sent, waiting } = createTested({ wait: () => waits.shift() ?? 0 })
  for (const text of ['a', 'b', 'c']) outbox.reply(message(text), 1)
  expect(waiting()).toBe(3 * (512 + 1))
  vi.advanceTimersByTime(49)
  expect(sent).toEqual([])
  vi.advanceTimersByTime(1)
  expect(sent).toEqual(['a', 'b', 'c'])
  expect(waiting()).toBe(0)
})

test('a reply waits until the one before it has left', () => {
  const { outbox, sent, leave } = createTested({ isPrompt: false })
  outbox.reply(message('a'), 2)
  outbox.reply(message('b'), 1)
  expect(sent).toEqual(['a'])
  leave()
  expect(sent).toEqual(['a', 'a'])
  leave()
  expect(sent).toEqual(['a', 'a', 'b'])
})

test('a thousand repeats of ten thousand replies do not grow the stack', () => {
  const { outbox, sent } = createTested()
  for (let i = 0; i < 100; i++) outbox.reply(message('a'), 1000)
  expect(sent).toHaveLength(100_000)
})

test('a pushed message does not wait for delayed replies', () => {
  const { outbox, sent } = createTested({ wait: () => 1000 })
  outbox.reply(message('late'), 1)
  outbox.push(message('now'))
  expect(sent).toEqual(['pushed now'])
})

test('a callback comes when the replies before it have left', () => {
  const { outbox, sent, leave } = createTested({ isPrompt: false })
  outbox.reply(message('a'), 1)
  outbox.afterReplies(() => sent.push('callback'))
  outbox.reply(message('b'), 1)
  expect(sent).toEqual(['a'])
  leave()
  expect(sent).toEqual(['a', 'callback', 'b'])
})

test('finishing sends due replies and drops the rest', () => {
  const waits = [0, 0, 1000, 0]
  const { outbox, sent, leave, waiting } = createTested({ wait: () => waits.shift() ?? 0, isPrompt: false })
  for (const text of ['a', 'b', 'late', 'behind it']) outbox.reply(message(text), 1)
  outbox.finish(() => sent.push('finished'))
  leave()
  expect(sent).toEqual(['a', 'b'])
  leave()
  expect(sent).toEqual(['a', 'b', 'finished'])
  expect(waiting()).toBe(0)
})

test('a closed outbox sends nothing, keeps nothing and starts no timer', () => {
  const { outbox, sent, leave, waiting } = createTested({ wait: () => 10, isPrompt: false })
  outbox.push(message('under way'))
  outbox.push(message('waiting'))
  outbox.reply(message('late'), 3)
  outbox.close()
  leave()
  outbox.reply(message('x'), 1)
  outbox.push(message('y'))
  expect(vi.getTimerCount()).toBe(0)
  expect(sent).toEqual(['pushed under way'])
  expect(waiting()).toBe(0)
})
