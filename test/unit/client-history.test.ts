import { beforeEach, expect, test } from 'vitest'
import { createHistory, type History, parseHistory, type Walk } from '../../client/core/history.ts'
import { createStored, type Stored } from '../../client/core/stored.ts'

let stored: Stored<string[]>
let history: History
let walk: Walk

beforeEach(() => {
  stored = createStored(undefined, 'history', parseHistory)
  history = createHistory(stored)
  walk = history.createWalk()
})

test('nothing is there at first', () => {
  expect(walk.older('draft')).toBeUndefined()
  expect(walk.newer()).toBeUndefined()
})

test('walks back to the oldest, and forward to the draft', () => {
  for (const text of ['a', 'b', 'c']) history.add(text)
  expect(walk.older('draft')).toBe('c')
  expect(walk.older('c')).toBe('b')
  expect(walk.older('b')).toBe('a')
  expect(walk.older('a')).toBeUndefined()
  expect(walk.newer()).toBe('b')
  expect(walk.newer()).toBe('c')
  expect(walk.newer()).toBe('draft')
  expect(walk.newer()).toBeUndefined()
})

test('an ended walk starts again at the newest, with a draft of its own', () => {
  for (const text of ['a', 'b']) history.add(text)
  walk.older('draft')
  walk.older('b')
  walk.end()
  history.add('c')
  expect(walk.newer()).toBeUndefined()
  expect(walk.older('new draft')).toBe('c')
  expect(walk.newer()).toBe('new draft')
})

test('what another tab adds does not shift the walk', () => {
  for (const text of ['a', 'b']) history.add(text)
  walk.older('draft')
  history.add('c')
  expect(walk.older('b')).toBe('a')
  expect(walk.newer()).toBe('b')
  expect(walk.newer()).toBe('draft')
})

test('two walks through one history do not disturb each other', () => {
  for (const text of ['a', 'b', 'c']) history.add(text)
  const other = history.createWalk()
  expect(walk.older('draft')).toBe('c')
  expect(other.older('other draft')).toBe('c')
  expect(walk.older('c')).toBe('b')
  expect(walk.older('b')).toBe('a')
  expect(other.older('c')).toBe('b')
  other.end()
  expect(walk.newer()).toBe('b')
})

test('the draft of one walk never turns up in another', () => {
  history.add('a')
  const other = history.createWalk()
  walk.older('draft')
  expect(other.newer()).toBeUndefined()
  other.older('other draft')
  expect(walk.newer()).toBe('draft')
  expect(other.newer()).toBe('other draft')
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
