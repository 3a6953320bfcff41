import type { Socket } from 'node:net'
import { Duplex } from 'node:stream'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { Budget } from '../../server/wire/budget.ts'
import { Flow, Hold } from '../../server/wire/flow.ts'

const MARK = 10_000

/** Returns a flow over a socket that takes bytes at once or, with `isSlow`, when `take` is called. */
function createTested({ isSlow = false } = {}) {
  const taking: (() => void)[] = []
  const timeouts: number[] = []
  const written: Buffer[] = []
  const socket = new Duplex({
    read() {},
    write(chunk, _encoding, done) {
      written.push(chunk)
      if (isSlow) taking.push(done)
      else done()
    },
  })
  Object.assign(socket, { setTimeout: (milliseconds: number) => timeouts.push(milliseconds) })
  socket.on('error', () => {})
  const budget = new Budget(2 ** 28, () => [])
  const released = vi.fn()
  const options = { highWaterMark: MARK, stallTimeout: 5000, budget }
  const flow = new Flow(socket as unknown as Socket, options, { proceed: released })
  const take = async () => {
    while (taking.length > 0) {
      taking.shift()?.()
      await Promise.resolve()
    }
  }
  return { flow, socket, budget, released, take, timeouts, bytes: () => Buffer.concat(written).toString() }
}

beforeEach(() => void vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] }))
afterEach(() => void vi.useRealTimers())

test('bytes that the operating system takes at once never wait', () => {
  const { flow, budget, bytes, timeouts } = createTested()
  const written = vi.fn()
  flow.write(Buffer.from('head'), written, Buffer.from(' body'))
  expect(written).toHaveBeenCalledOnce()
  expect(bytes()).toBe('head body')
  expect([flow.waiting, budget.bytes, timeouts]).toEqual([0, 0, []])
})

test('waiting bytes count by the memory they take until they have left, in the order of writing', async () => {
  const { flow, budget, take, bytes } = createTested({ isSlow: true })
  const order: string[] = []
  flow.write(Buffer.from('one '), () => order.push('one'))
  flow.write(Buffer.from('two '), () => order.push('two'), Buffer.from('three'))
  expect(flow.waiting).toBe(512 + 4 + 512 + 9)
  expect(budget.bytes).toBe(flow.waiting)
  expect(order).toEqual([])
  await take()
  await expect.poll(() => order).toEqual(['one', 'two'])
  expect([flow.waiting, budget.bytes]).toEqual([0, 0])
  expect(bytes()).toBe('one two three')
})

test('many tiny messages pause reading as early as their memory requires', () => {
  const { flow, socket } = createTested({ isSlow: true })
  for (let i = 0; i < 30; i++) flow.write(Buffer.from('ab'), () => {})
  expect(flow.isHeld).toBe(true)
  expect(socket.isPaused()).toBe(true)
})

test('reading resumes below half the mark, not before', () => {
  const { flow, released } = createTested()
  flow.countWaiting(MARK + 1)
  expect(flow.isHeld).toBe(true)
  flow.countWaiting(-MARK / 2)
  expect(flow.isHeld).toBe(true)
  flow.countWaiting(-2)
  expect(flow.isHeld).toBe(false)
  expect(released).toHaveBeenCalledOnce()
})

test('several reasons hold the flow until the last is gone', () => {
  const { flow, socket, released } = createTested()
  flow.hold(Hold.inflating)
  flow.countWaiting(MARK + 1)
  flow.release(Hold.inflating)
  flow.release(Hold.inflating)
  expect(flow.isHeld).toBe(true)
  flow.countWaiting(-MARK - 1)
  expect(flow.isHeld).toBe(false)
  expect(socket.isPaused()).toBe(false)
  expect(released).toHaveBeenCalledOnce()
})

test('without limits, waiting bytes do not pause reading, but inflating does', () => {
  const { flow } = createTested()
  flow.countWaiting(MARK + 1)
  flow.hold(Hold.stalled)
  flow.hold(Hold.inflating)
  flow.ignoreLimits()
  expect(flow.isHeld).toBe(true)
  flow.release(Hold.inflating)
  expect(flow.isHeld).toBe(false)
  flow.countWaiting(MARK)
  expect(flow.isHeld).toBe(false)
})

test('the socket has a timeout while bytes wait, and only then', async () => {
  const { flow, take, timeouts } = createTested({ isSlow: true })
  flow.write(Buffer.from('x'), () => {})
  flow.write(Buffer.from('y'), () => {})
  expect(timeouts).toEqual([5000])
  await take()
  await expect.poll(() => timeouts).toEqual([5000, 0])
})

test('a paused peer is probed by empty writes', () => {
  const { flow, socket } = createTested()
  const write = vi.spyOn(socket, 'write')
  flow.hold(Hold.stalled)
  vi.advanceTimersByTime(60_000)
  expect(write.mock.calls.map(([bytes]) => (bytes as Buffer).length)).toEqual([0, 0])
  flow.release(Hold.stalled)
  expect(vi.getTimerCount()).toBe(0)
})

test('nothing waits for a socket that is gone, even if memory is counted afterwards', async () => {
  const { flow, budget, socket, take } = createTested({ isSlow: true })
  const errors: unknown[] = []
  flow.write(Buffer.from('x'), error => errors.push(error))
  flow.countWaiting(300)
  flow.hold(Hold.stalled)
  socket.destroy()
  flow.end()
  flow.countWaiting(-300)
  flow.countWaiting(500)
  await take()
  await expect.poll(() => errors).toHaveLength(1)
  expect(errors[0]).toBeInstanceOf(Error)
  expect([flow.waiting, budget.bytes, vi.getTimerCount()]).toEqual([0, 0, 0])
})
