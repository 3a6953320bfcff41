import { beforeEach, expect, test } from 'vitest'
import { createStatistics, type Statistics } from '../../client/core/statistics.ts'

let clock: number
let statistics: Statistics

beforeEach(() => {
  clock = 60_000
  statistics = createStatistics(() => clock)
})

test('has no percentiles without round trips', () => {
  expect(statistics.summary()).toEqual({ p50: undefined, p95: undefined, p99: undefined, max: undefined, rate: 0 })
  expect(new Set(statistics.series().median)).toEqual(new Set([null]))
})

test('computes percentiles by nearest rank, and the maximum', () => {
  for (let ms = 100; ms >= 1; ms--) statistics.received(ms)
  expect(statistics.summary()).toMatchObject({ p50: 50, p95: 95, p99: 99, max: 100, isMeasured: true })
})

test('keeps the newest 10,000 round trips, and the maximum of all', () => {
  statistics.received(999)
  for (let i = 0; i < 10_000; i++) statistics.received(2)
  expect(statistics.summary()).toMatchObject({ p50: 2, p99: 2, max: 999 })
})

test('counts messages without a round trip only in the rate', () => {
  for (let i = 0; i < 30; i++) statistics.received(undefined)
  clock += 500
  expect(statistics.summary()).toMatchObject({ p50: undefined, rate: 30, isMeasured: false })
  clock += 1000
  expect(statistics.summary().rate).toBe(0)
})

test('returns the last minute in half seconds, newest last', () => {
  statistics.received(3)
  statistics.received(1)
  statistics.received(9)
  clock += 500
  const { times, received, median, max } = statistics.series()
  expect(times).toHaveLength(120)
  expect([times.at(0), times.at(-1)]).toEqual([-59.5, 0])
  expect([received.at(-1), median.at(-1), max.at(-1)]).toEqual([6, 3, 9])
  expect([received.at(-2), median.at(-2), max.at(-2)]).toEqual([0, null, null])
  clock += 60_000
  expect(statistics.series().received.some(Boolean)).toBe(false)
})
