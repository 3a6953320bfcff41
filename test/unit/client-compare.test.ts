import { expect, test } from 'vitest'
import { compare } from '../../client/core/compare.ts'

const bytes = (length: number, ...values: number[]) => Uint8Array.from({ length }, (_, i) => values[i] ?? 0)

test('equal messages have only lines in common', () => {
  expect(compare('a\nb', 'a\nb')).toEqual([{ kind: 'same', lines: ['a', 'b'] }])
})

test('lines that differ are marked', () => {
  expect(compare('a\nb\nc', 'a\nx\nc\nd')).toEqual([
    { kind: 'same', lines: ['a'] },
    { kind: 'removed', lines: ['b'] },
    { kind: 'added', lines: ['x'] },
    { kind: 'same', lines: ['c'] },
    { kind: 'added', lines: ['d'] },
  ])
})

test('JSON is compared by value on each line, also after a prefix', () => {
  expect(compare('{"a":1,"b":2}', '{ "a": 1,\n"b": 3 }')).toEqual([
    { kind: 'same', lines: ['{', '  "a": 1,'] },
    { kind: 'removed', lines: ['  "b": 2'] },
    { kind: 'added', lines: ['  "b": 3'] },
    { kind: 'same', lines: ['}'] },
  ])
  expect(compare('{"a":1}', '[RE]: {"a":1}')?.[0]).toEqual({ kind: 'removed', lines: ['{'] })
})

test('binary messages are compared as hex dumps', () => {
  const parts = compare(bytes(48), bytes(48, 1))
  expect(parts?.map(({ kind, lines }) => [kind, lines.length])).toEqual([
    ['removed', 1],
    ['added', 1],
    ['same', 2],
  ])
  expect(parts?.[1]?.lines[0]).toMatch(/^00000000 {2}01 00/)
})

test('an empty message has no lines', () => {
  expect(compare('', 'a')).toEqual([{ kind: 'added', lines: ['a'] }])
  expect(compare(bytes(0), '')).toEqual([])
})

test('gives up on a message of more than 1 MiB', () => {
  expect(compare(bytes(1024 * 1024 + 1), 'a')).toBeUndefined()
})

test('gives up on long messages that have nothing in common', () => {
  const lines = (from: number) => Array.from({ length: 50_000 }, (_, i) => from + i).join('\n')
  expect(compare(lines(0), lines(1_000_000), 50)).toBeUndefined()
})
