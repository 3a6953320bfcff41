import { beforeEach, expect, test } from 'vitest'
import {
  createSavedMessages,
  parseSavedMessages,
  type SavedMessage,
  type SavedMessages,
} from '../../client/core/saved-messages.ts'
import { createStored } from '../../client/core/stored.ts'

let messages: SavedMessages
const message = (name: string, text = ''): SavedMessage => ({ name, format: 'text', text })
const names = () => messages.list().map(({ name }) => name)

beforeEach(() => {
  messages = createSavedMessages(createStored(undefined, 'saved', parseSavedMessages))
})

test('are listed by name', () => {
  for (const name of ['b', 'item 10', 'A', 'item 9']) messages.save(message(name))
  expect(names()).toEqual(['A', 'b', 'item 9', 'item 10'])
})

test('are listed exactly as they were saved', () => {
  const saved: SavedMessage = { name: 'a', format: 'hex', text: '0' }
  messages.save(saved)
  expect(messages.list()).toEqual([saved])
})

test('replace a message of the same name', () => {
  messages.save(message('a', 'first'))
  messages.save(message('a', 'second'))
  expect(messages.list()).toEqual([message('a', 'second')])
})

test('are removed by name', () => {
  for (const name of ['a', 'b']) messages.save(message(name))
  messages.remove('a')
  messages.remove('absent')
  expect(names()).toEqual(['b'])
})

test('are limited to one hundred, each of which can still be replaced', () => {
  for (let i = 0; i < 100; i++) expect(messages.save(message(`${i}`))).toBe(true)
  expect(messages.save(message('one more'))).toBe(false)
  expect(messages.save(message('0', 'new'))).toBe(true)
  expect(messages.list()).toHaveLength(100)
  expect(messages.list()[0]).toEqual(message('0', 'new'))
})

test('are skipped if they are corrupt', () => {
  const good = message('a')
  const corrupt = [
    null,
    1,
    'a',
    [],
    {},
    { name: 'a', format: 'text' },
    { name: 1, format: 'text', text: '' },
    { name: '', format: 'text', text: '' },
    { name: 'a', format: 'xml', text: '' },
  ]
  expect(parseSavedMessages([...corrupt, good])).toEqual([good])
  expect(parseSavedMessages(undefined)).toEqual([])
  expect(parseSavedMessages({ 0: good, length: 1 })).toEqual([])
  expect(parseSavedMessages(Array(150).fill(good))).toHaveLength(100)
})
