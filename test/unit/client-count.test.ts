import { expect, test } from 'vitest'
import { count, milliseconds } from '../../client/core/count.ts'

test.each([
  [0, 'message', '0 messages'],
  [1, 'message', '1 message'],
  [2, 'message', '2 messages'],
  [1000, 'byte', '1,000 bytes'],
  [1_234_567, 'line', '1,234,567 lines'],
])('%d and "%s" are written as "%s"', (number, noun, words) => {
  expect(count(number, noun)).toBe(words)
})

test('a noun may have an irregular plural', () => {
  expect(count(1, 'reply', 'replies')).toBe('1 reply')
  expect(count(3, 'reply', 'replies')).toBe('3 replies')
})

test.each([
  [0.04, '0.0 ms'],
  [12.34, '12.3 ms'],
  [99.94, '99.9 ms'],
  [100, '100 ms'],
  [1204.4, '1,204 ms'],
])('%d ms are written as "%s"', (duration, words) => {
  expect(milliseconds(duration)).toBe(words)
})
