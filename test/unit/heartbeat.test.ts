import { expect, test } from 'vitest'
import { Liveness } from '../../server/connection/heartbeat.ts'

const INTERVAL = 30_000
const STALL = 120_000

/** Checks a peer by the bytes read and written so far. */
const createTested = () => {
  const liveness = new Liveness()
  const check = (bytesRead: number, bytesWritten: number, isBehind = false) =>
    liveness.check({ bytesRead, bytesWritten, isBehind }, INTERVAL, STALL)
  return { liveness, check }
}

test('a peer that sends anything is pinged', () => {
  const { check } = createTested()
  expect([check(0, 0), check(6, 2), check(12, 4)]).toEqual(['ping', 'ping', 'ping'])
})

test('a peer that sends nothing is lost at the next check', () => {
  const { check } = createTested()
  expect([check(100, 100), check(100, 102)]).toEqual(['ping', 'lost'])
})

test('a peer may be silent while bytes wait for it', () => {
  const { check } = createTested()
  expect([check(1, 0), check(1, 9, true), check(1, 9, true), check(1, 9)]).toEqual(['ping', 'wait', 'wait', 'ping'])
})

test('a peer that may have much left to read is lost after the stall timeout', () => {
  const { check } = createTested()
  const written = 2 ** 20
  expect(check(1000, written)).toBe('ping')
  expect([1, 2, 3].map(() => check(1000, written))).toEqual(['wait', 'wait', 'wait'])
  expect(check(1000, written)).toBe('lost')
})

test('a pong shows that everything before its ping has been read', () => {
  const { liveness, check } = createTested()
  expect(check(1000, 2 ** 20)).toBe('ping')
  liveness.onPong()
  expect(check(1006, 2 ** 20)).toBe('ping')
  expect(check(1006, 2 ** 20 + 100)).toBe('lost')
})
