import { expect, test } from 'vitest'
import { quartiles, ratios } from '../bench/statistics.ts'

test('quartiles of unsorted numbers lie on a straight line between two of them', () => {
  expect(quartiles([4, 1, 3, 2])).toEqual({ q1: 1.75, median: 2.5, q3: 3.25 })
})

test('quartiles of one number are that number', () => {
  expect(quartiles([7])).toEqual({ q1: 7, median: 7, q3: 7 })
})

test('ratios pair what was measured in the same round', () => {
  expect(ratios([2, 6, 12], [1, 2, 3])).toEqual({ q1: 2.5, median: 3, q3: 3.5 })
})

test('ratios leave out rounds in which one of the two could not be measured', () => {
  expect(ratios([2, undefined, 12], [1, 2, undefined])).toEqual({ q1: 2, median: 2, q3: 2 })
  expect(ratios([undefined], [1])).toBeUndefined()
})
