import { expect, test } from 'vitest'
import { createStored, describeKept } from '../../client/core/stored.ts'

const parse = (json: unknown) => (typeof json === 'number' ? json : 7)

function createStorage(methods: Partial<Storage> = {}): Storage {
  const items = new Map<string, string>()
  return {
    getItem: key => items.get(key) ?? null,
    setItem: (key, value) => void items.set(key, value),
    removeItem: key => void items.delete(key),
    clear: () => items.clear(),
    key: () => null,
    length: 0,
    ...methods,
  }
}

const refuse = () => {
  throw new DOMException('no', 'QuotaExceededError')
}

test('a value is available on the next page', () => {
  const storage = createStorage()
  createStored(storage, 'a', parse).set(1)
  expect(createStored(storage, 'a', parse).get()).toBe(1)
  expect(createStored(storage, 'b', parse).get()).toBe(7)
})

test('a value that another tab sets is seen', () => {
  const storage = createStorage()
  const [one, other] = [createStored(storage, 'a', parse), createStored(storage, 'a', parse)]
  one.set(1)
  other.set(2)
  expect(one.get()).toBe(2)
})

test.each(['', '{', '"text"', 'null', 'undefined'])('the stored item %j is replaced by the default', item => {
  const storage = createStorage()
  storage.setItem('a', item)
  expect(createStored(storage, 'a', parse).get()).toBe(7)
})

test.each([
  ['absent', undefined],
  ['full', createStorage({ setItem: refuse })],
  ['denied', createStorage({ getItem: refuse, setItem: refuse })],
])('the value stays in memory if storage is %s', (_, storage) => {
  const stored = createStored(storage, 'a', parse)
  expect(stored.get()).toBe(7)
  stored.set(1)
  expect(stored.get()).toBe(1)
})

test('storage that was full is used again once it has room', () => {
  let isFull = true
  const kept = createStorage()
  const storage = createStorage({
    getItem: kept.getItem,
    setItem: (key, value) => (isFull ? refuse() : kept.setItem(key, value)),
  })
  const stored = createStored(storage, 'a', parse)
  stored.set(1)
  expect(kept.getItem('a')).toBeNull()
  isFull = false
  stored.set(2)
  kept.setItem('a', '3')
  expect(stored.get()).toBe(3)
})

test.each([
  ['kept', createStorage(), /^$/],
  ['full', createStorage({ setItem: refuse }), /storage is full/],
  ['blocked', undefined, /blocks storage/],
  [
    'blocked',
    createStorage({
      setItem() {
        throw new DOMException('no', 'SecurityError')
      },
    }),
    /blocks storage/,
  ],
])('setting a value reports that it is %s (case %#)', (result, storage, words) => {
  const kept = createStored(storage, 'a', parse).set(1)
  expect(kept).toBe(result)
  expect(describeKept(kept)).toMatch(words)
})
