import { expect, test } from 'vitest'
import { count } from '../../client/core/count.ts'

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
