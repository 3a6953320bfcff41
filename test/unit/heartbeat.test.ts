import { expect, test } from 'vitest'
import { Pulse } from '../../server/connection/heartbeat.ts'

const INTERVAL = 30_000
const STALL = 120_000

/** Beats with what has been read and written by then. */
const createTested = () => {
  const pulse = new Pulse()
  const beat = (bytesRead: number, bytesWritten: number, isBehind = false) =>
    pulse.beat({ bytesRead, bytesWritten, isBehind }, INTERVAL, STALL)
  return { pulse, beat }
}

test('a peer from which anything comes is pinged', () => {
  const { beat } = createTested()
  expect([beat(0, 0), beat(6, 2), beat(12, 4)]).toEqual(['ping', 'ping', 'ping'])
})

test('a peer from which nothing comes is lost at the next beat', () => {
  const { beat } = createTested()
  expect([beat(100, 100), beat(100, 102)]).toEqual(['ping', 'lost'])
})

test('nothing is expected of a peer while bytes wait for it', () => {
  const { beat } = createTested()
  expect([beat(1, 0), beat(1, 9, true), beat(1, 9, true), beat(1, 9)]).toEqual(['ping', 'wait', 'wait', 'ping'])
})

test('a peer that may still have much to read has until the stall timeout', () => {
  const { beat } = createTested()
  const written = 2 ** 20
  expect(beat(1000, written)).toBe('ping')
  expect([1, 2, 3].map(() => beat(1000, written))).toEqual(['wait', 'wait', 'wait'])
  expect(beat(1000, written)).toBe('lost')
})

test('a pong shows that everything before its ping has been read', () => {
  const { pulse, beat } = createTested()
  expect(beat(1000, 2 ** 20)).toBe('ping')
  pulse.answered()
  expect(beat(1006, 2 ** 20)).toBe('ping')
  expect(beat(1006, 2 ** 20 + 100)).toBe('lost')
})
