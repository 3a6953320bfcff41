import { beforeEach, describe, expect, test } from 'vitest'
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
  for (const name of ['b', 'item 10', 'A', 'item 9']) messages.put(message(name))
  expect(names()).toEqual(['A', 'b', 'item 9', 'item 10'])
})

test('are listed exactly as they were saved', () => {
  const saved: SavedMessage = { name: 'a', format: 'hex', text: '0' }
  messages.put(saved)
  expect(messages.list()).toEqual([saved])
})

test('replace a message of the same name', () => {
  messages.put(message('a', 'first'))
  messages.put(message('a', 'second'))
  expect(messages.list()).toEqual([message('a', 'second')])
})

test('are removed by name', () => {
  for (const name of ['a', 'b']) messages.put(message(name))
  messages.remove('a')
  messages.remove('absent')
  expect(names()).toEqual(['b'])
})

test('are limited to one hundred, each of which can still be replaced', () => {
  for (let i = 0; i < 100; i++) expect(messages.put(message(`${i}`))).not.toHaveProperty('problem')
  expect(messages.put(message('one more'))).toHaveProperty('problem')
  expect(messages.put(message('0', 'new'))).not.toHaveProperty('problem')
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

describe('a change', () => {
  const put = (saved: SavedMessage) => {
    const result = messages.put(saved)
    if ('problem' in result) throw new Error(result.problem)
    return result
  }

  test('says that it is lost on a reload if storage is blocked', () => {
    expect(messages.put(message('a'))).toMatchObject({ kept: 'blocked', replaced: undefined })
    expect(messages.remove('a')).toMatchObject({ kept: 'blocked' })
  })

  test('says which message it replaced, and can be taken back', () => {
    put(message('a', 'first')).undo()
    expect(messages.list()).toEqual([])
    put(message('a', 'first'))
    const { replaced, undo } = put(message('a', 'second'))
    expect(replaced).toEqual(message('a', 'first'))
    messages.put(message('b'))
    undo()
    expect(messages.list()).toEqual([message('a', 'first'), message('b')])
  })

  test('that removed a message can be taken back', () => {
    put(message('a'))
    messages.remove('a').undo()
    messages.remove('absent').undo()
    expect(messages.list()).toEqual([message('a')])
  })

  test.each(['', '  '])('needs a name: %j', name => {
    expect(messages.put(message(name))).toEqual({ problem: 'Type a name for the message.' })
  })

  test('that would exceed the limit is a problem', () => {
    for (let i = 0; i < 100; i++) messages.put(message(`${i}`))
    expect(messages.put(message('one more'))).toEqual({ problem: expect.stringMatching(/100 messages .* limit/) })
  })
})

test('messages for one server are listed with those for all', () => {
  messages.put(message('all'))
  messages.put({ ...message('hello', 'one'), server: 'a:1' })
  messages.put({ ...message('hello', 'other'), server: 'b' })
  expect(messages.list('a:1').map(({ text }) => text)).toEqual(['', 'one'])
  expect(messages.list()).toHaveLength(3)
  messages.remove('hello', 'a:1')
  expect(messages.list('a:1').map(({ name }) => name)).toEqual(['all'])
  expect(parseSavedMessages([{ ...message('a'), server: 1 }])).toEqual([])
})
