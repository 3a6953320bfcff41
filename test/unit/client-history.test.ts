import { beforeEach, expect, test } from 'vitest'
import { createHistory, type History, parseHistory } from '../../client/core/history.ts'
import { createStored, type Stored } from '../../client/core/stored.ts'

let stored: Stored<string[]>
let history: History

beforeEach(() => {
  stored = createStored(undefined, 'history', parseHistory)
  history = createHistory(stored)
})

test('nothing is there at first', () => {
  expect(history.older('draft')).toBeUndefined()
  expect(history.newer()).toBeUndefined()
})

test('walks back to the oldest, and forward to the draft', () => {
  for (const text of ['a', 'b', 'c']) history.add(text)
  expect(history.older('draft')).toBe('c')
  expect(history.older('c')).toBe('b')
  expect(history.older('b')).toBe('a')
  expect(history.older('a')).toBeUndefined()
  expect(history.newer()).toBe('b')
  expect(history.newer()).toBe('c')
  expect(history.newer()).toBe('draft')
  expect(history.newer()).toBeUndefined()
})

test.each([
  ['adding', () => history.add('c')],
  ['adding the newest again', () => history.add('b')],
  ['a reset', () => history.reset()],
])('%s ends the walk', (_, end) => {
  for (const text of ['a', 'b']) history.add(text)
  history.older('draft')
  history.older('b')
  end()
  expect(history.newer()).toBeUndefined()
  expect(history.older('new draft')).toBe(stored.get().at(-1))
  expect(history.newer()).toBe('new draft')
})

test('what another tab adds does not shift the walk', () => {
  for (const text of ['a', 'b']) history.add(text)
  history.older('draft')
  createHistory(stored).add('c')
  expect(history.older('b')).toBe('a')
  expect(history.newer()).toBe('b')
  expect(history.newer()).toBe('draft')
})

test('the newest is not kept twice, an older one is', () => {
  for (const text of ['a', 'a', 'b', 'a']) history.add(text)
  expect(stored.get()).toEqual(['a', 'b', 'a'])
})

test('an empty message and a very long one are not kept', () => {
  for (const text of ['', 'a'.repeat(16_385), 'b'.repeat(16_384)]) history.add(text)
  expect(stored.get()).toEqual(['b'.repeat(16_384)])
})

test('the newest hundred are kept', () => {
  for (let i = 0; i < 150; i++) history.add(String(i))
  expect(stored.get()).toHaveLength(100)
  expect(stored.get().at(0)).toBe('50')
  expect(stored.get().at(-1)).toBe('149')
})

test.each([
  [undefined, []],
  [null, []],
  [{ 0: 'a' }, []],
  [
    ['a', 1, null, '', ['b'], 'a'.repeat(16_385), 'c'],
    ['a', 'c'],
  ],
  [Array(150).fill('a'), Array(100).fill('a')],
])('what was stored is checked (case %#)', (json, texts) => {
  expect(parseHistory(json)).toEqual(texts)
})
