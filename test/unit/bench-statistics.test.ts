import { expect, test } from 'vitest'
import { quartiles, ratios } from '../bench/statistics.ts'

test('quartiles of unsorted numbers are interpolated linearly', () => {
  expect(quartiles([4, 1, 3, 2])).toEqual({ q1: 1.75, median: 2.5, q3: 3.25 })
})

test('the quartiles of one number equal that number', () => {
  expect(quartiles([7])).toEqual({ q1: 7, median: 7, q3: 7 })
})

test('ratios compare values of the same round', () => {
  expect(ratios([2, 6, 12], [1, 2, 3])).toEqual({ q1: 2.5, median: 3, q3: 3.5 })
})

test('ratios skip rounds without both values', () => {
  expect(ratios([2, undefined, 12], [1, 2, undefined])).toEqual({ q1: 2, median: 2, q3: 2 })
  expect(ratios([undefined], [1])).toBeUndefined()
})
