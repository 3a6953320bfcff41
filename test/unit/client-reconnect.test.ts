import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { createReconnect } from '../../client/core/reconnect.ts'

const START = 1_000_000

beforeEach(() => {
  vi.useFakeTimers({ now: START })
})
afterEach(() => {
  vi.useRealTimers()
})

function create(chance = 0) {
  const connect = vi.fn<() => void>()
  const onWait = vi.fn<(until: number | undefined) => void>()
  return { connect, onWait, ...createReconnect({ connect, onWait, random: () => chance }) }
}

/** The delay in ms of the last call of `onWait`. */
const waitOf = ({ onWait }: ReturnType<typeof create>) => (onWait.mock.lastCall?.[0] ?? Number.NaN) - Date.now()

test('reports when it will connect, and connects exactly then', () => {
  const { closed, connect, onWait } = create(1)
  closed()
  expect(onWait.mock.calls).toEqual([[START + 1000]])
  vi.advanceTimersByTime(999)
  expect(connect).not.toHaveBeenCalled()
  vi.advanceTimersByTime(1)
  expect(connect).toHaveBeenCalledOnce()
  expect(onWait.mock.calls).toEqual([[START + 1000], [undefined]])
  vi.advanceTimersByTime(60_000)
  expect(connect).toHaveBeenCalledOnce()
})

test.each([
  [0, [500, 1000, 2000, 4000, 8000, 15_000, 15_000]],
  [1, [1000, 2000, 4000, 8000, 16_000, 30_000, 30_000]],
  [0.5, [750, 1500, 3000, 6000, 12_000, 22_500, 22_500]],
])('with the random number %d the delays are %j', (chance, waits) => {
  const reconnect = create(chance)
  const got = waits.map(() => {
    reconnect.closed()
    const wait = waitOf(reconnect)
    vi.advanceTimersByTime(wait)
    return wait
  })
  expect(got).toEqual(waits)
  expect(reconnect.connect).toHaveBeenCalledTimes(waits.length)
})

describe('the delay', () => {
  function failThrice() {
    const reconnect = create(1)
    for (let i = 0; i < 3; i++) {
      reconnect.closed()
      vi.advanceTimersByTime(waitOf(reconnect))
    }
    return reconnect
  }

  test.each([
    [4999, 8000],
    [5000, 1000],
  ])('after a connection of %d ms is %d ms', (lasted, wait) => {
    const reconnect = failThrice()
    reconnect.opened()
    vi.advanceTimersByTime(lasted)
    reconnect.closed()
    expect(waitOf(reconnect)).toBe(wait)
  })

  test('is reset only when the connection that lasted closes', () => {
    const reconnect = failThrice()
    reconnect.opened()
    vi.advanceTimersByTime(5000)
    for (const wait of [1000, 2000, 4000, 8000]) {
      reconnect.closed()
      expect(waitOf(reconnect)).toBe(wait)
      vi.advanceTimersByTime(wait)
    }
  })

  test('is reset by a stop', () => {
    const reconnect = failThrice()
    reconnect.stop()
    reconnect.closed()
    expect(waitOf(reconnect)).toBe(1000)
  })
})

test('a stop cancels the attempt, and reports it once', () => {
  const { closed, stop, connect, onWait } = create(1)
  stop()
  expect(onWait).not.toHaveBeenCalled()
  closed()
  stop()
  stop()
  expect(onWait.mock.calls).toEqual([[START + 1000], [undefined]])
  expect(vi.getTimerCount()).toBe(0)
  vi.advanceTimersByTime(60_000)
  expect(connect).not.toHaveBeenCalled()
})

test('retryNow connects immediately, and only once', () => {
  const { closed, retryNow, connect, onWait } = create(1)
  closed()
  retryNow()
  retryNow()
  expect(connect).toHaveBeenCalledOnce()
  expect(onWait).toHaveBeenLastCalledWith(undefined)
  vi.advanceTimersByTime(60_000)
  expect(connect).toHaveBeenCalledOnce()
})

test('retryNow does nothing if no attempt is planned', () => {
  const { retryNow, opened, connect } = create()
  retryNow()
  opened()
  retryNow()
  expect(connect).not.toHaveBeenCalled()
})

test('after sleep, an overdue attempt is made within a second', () => {
  const reconnect = create(1)
  for (let i = 0; i < 6; i++) {
    reconnect.closed()
    if (i < 5) vi.advanceTimersByTime(waitOf(reconnect))
  }
  expect(waitOf(reconnect)).toBe(30_000)
  expect(reconnect.connect).toHaveBeenCalledTimes(5)
  // During sleep the clock advances, but timers do not.
  vi.setSystemTime(Date.now() + 3_600_000)
  vi.advanceTimersByTime(1000)
  expect(reconnect.connect).toHaveBeenCalledTimes(6)
})
