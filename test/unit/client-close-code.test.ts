import { describe, expect, test } from 'vitest'
import { checkClose, explainClose, nameClose } from '../../client/core/close-code.ts'

const registered = [...Array.from({ length: 16 }, (_, i) => 1000 + i), 3000, 3003, 3008]

test('each registered code has a sentence of its own', () => {
  const sentences = registered.map(explainClose)
  expect(new Set(sentences).size).toBe(registered.length)
  for (const sentence of sentences) expect(sentence).toMatch(/^[A-Z][^.;]+\.$/)
})

test('each registered code has its name, and no other code has one', () => {
  expect(new Set(registered.map(nameClose)).size).toBe(registered.length)
  expect([1000, 1006, 1011, 3000].map(nameClose)).toEqual([
    'Normal Closure',
    'Abnormal Closure',
    'Internal Error',
    'Unauthorized',
  ])
  expect([0, 999, 1016, 3001, 4000, 5000].map(nameClose)).toEqual(Array(6).fill(undefined))
})

test.each([
  [1006, 'without a close frame'],
  [1007, 'UTF-8'],
  [1009, 'too large'],
  [1015, 'TLS'],
  [3001, 'library'],
  [3999, 'library'],
  [4000, 'by the application'],
  [4999, 'by the application'],
  [1016, 'future'],
  [2999, 'future'],
  [0, 'does not allow'],
  [999, 'does not allow'],
  [5000, 'does not allow'],
])('%i is explained with "%s"', (code, words) => {
  expect(explainClose(code)).toContain(words)
})

describe('a page may close', () => {
  test.each([1000, 3000, 4999])('with code %d', code => {
    expect(checkClose(code, '')).toBeUndefined()
  })

  test.each([0, 999, 1001, 1006, 2999, 5000, 3000.5, Number.NaN, Number.POSITIVE_INFINITY])(
    'not with code %d',
    code => {
      expect(checkClose(code, '')).toMatch(/1000.*3000.*4999/)
    },
  )

  test('with a reason of at most 123 bytes of UTF-8', () => {
    expect(checkClose(1000, 'a'.repeat(123))).toBeUndefined()
    expect(checkClose(1000, `${'é'.repeat(61)}a`)).toBeUndefined()
    expect(checkClose(1000, 'é'.repeat(62))).toMatch(/124 bytes.*123/)
  })
})
