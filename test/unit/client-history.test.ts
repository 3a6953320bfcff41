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

test('an empty history has nothing to step to', () => {
  expect(walk.older('draft')).toBeUndefined()
  expect(walk.newer()).toBeUndefined()
})

test('steps back to the oldest message, and forward to the draft', () => {
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

test('after its end, a walk restarts at the newest message with a new draft', () => {
  for (const text of ['a', 'b']) history.add(text)
  walk.older('draft')
  walk.older('b')
  walk.end()
  history.add('c')
  expect(walk.newer()).toBeUndefined()
  expect(walk.older('new draft')).toBe('c')
  expect(walk.newer()).toBe('new draft')
})

test('a message added by another tab does not shift the walk', () => {
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

test('each walk keeps its own draft', () => {
  history.add('a')
  const other = history.createWalk()
  walk.older('draft')
  expect(other.newer()).toBeUndefined()
  other.older('other draft')
  expect(walk.newer()).toBe('draft')
  expect(other.newer()).toBe('other draft')
})

test('a repeated message is stored once, unless others came between', () => {
  for (const text of ['a', 'a', 'b', 'a']) history.add(text)
  expect(stored.get()).toEqual(['a', 'b', 'a'])
})

test('empty and very long messages are not stored', () => {
  for (const text of ['', 'a'.repeat(16_385), 'b'.repeat(16_384)]) history.add(text)
  expect(stored.get()).toEqual(['b'.repeat(16_384)])
})

test('the newest hundred messages are kept', () => {
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
])('invalid stored entries are skipped (case %#)', (json, texts) => {
  expect(parseHistory(json)).toEqual(texts)
})
