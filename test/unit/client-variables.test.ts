import { beforeEach, describe, expect, test } from 'vitest'
import { createStored } from '../../client/core/stored.ts'
import { createVariables, parseVariables, type Scope, type Variables } from '../../client/core/variables.ts'

let variables: Variables
let scope: Scope
const expand = (text: string) => scope.expand(text).text

beforeEach(() => {
  variables = createVariables(createStored(undefined, 'variables', parseVariables), () => 1_700_000_000_000)
  scope = variables.createScope()
})

describe('built-in variables', () => {
  test('are a random UUID, the time in ms and a counter', () => {
    expect(expand('{{uuid}}')).toMatch(/^[\da-f]{8}-[\da-f]{4}-4[\da-f]{3}-[89ab][\da-f]{3}-[\da-f]{12}$/)
    expect(expand('{{uuid}}')).not.toBe(expand('{{uuid}}'))
    expect(expand('{{ timestamp }}')).toBe('1700000000000')
    expect([expand('#{{counter}}'), expand('#{{counter}}')]).toEqual(['#1', '#2'])
  })

  test('have one value in each message', () => {
    expect(expand('{{counter}} {{counter}}')).toBe('1 1')
    const [first, second] = expand('{{uuid}} {{uuid}}').split(' ')
    expect(first).toBe(second)
  })

  test('count for each tab', () => {
    expect(expand('{{counter}}')).toBe('1')
    expect(variables.createScope().expand('{{counter}}').text).toBe('1')
  })
})

test('the variables of the user are replaced once, and their values are not searched for others', () => {
  variables.set({ name: 'größe', value: '{{counter}} $& $1' })
  expect(scope.expand('a{{größe}}b')).toEqual({ text: 'a{{counter}} $& $1b', missing: [] })
  variables.set({ name: 'größe', value: 'new' })
  expect(expand('{{größe}}')).toBe('new')
  variables.remove('größe')
  expect(scope.expand('{{größe}}')).toEqual({ text: '{{größe}}', missing: ['größe'] })
})

test.each([
  ['', '', []],
  ['{"a":{"b":{}}}', '{"a":{"b":{}}}', []],
  ['{{}} {{1}} {{a b}} {{a', '{{}} {{1}} {{a b}} {{a', []],
  ['{{nope}} {{nope}} {{uuidd}}', '{{nope}} {{nope}} {{uuidd}}', ['nope', 'uuidd']],
  ['\\{{timestamp}}', '{{timestamp}}', []],
  ['\\{{nope}}', '\\{{nope}}', []],
])('%j becomes %j, without a value for %j', (text, expanded, missing) => {
  expect(scope.expand(text)).toEqual({ text: expanded, missing })
})

test('a preview does not count', () => {
  expect(scope.preview('{{counter}}').text).toBe('1')
  expect(scope.preview('{{counter}}').text).toBe('1')
  expect(expand('{{counter}}')).toBe('1')
  expect(expand('\\{{counter}} {{nope}}')).toBe('{{counter}} {{nope}}')
  expect(scope.preview('{{counter}}').text).toBe('2')
})

test('the variables in a text are sorted by what happens to them', () => {
  const id = { name: 'id', value: '', path: 'id' }
  variables.set(id)
  variables.set({ name: 'own', value: '' })
  const text = '{{uuid}} {{own}} {{id}} {{nope}} {{uuid}} \\{{timestamp}}'
  expect(scope.uses(text)).toEqual({ replaced: ['uuid', 'own'], empty: [id], unknown: ['nope'] })
  expect(scope.currentValue(id)).toBeUndefined()
  scope.received('{"id":7}')
  expect(scope.uses(text)).toEqual({ replaced: ['uuid', 'own', 'id'], empty: [], unknown: ['nope'] })
  expect(scope.currentValue(id)).toBe('7')
})

describe('a variable from a reply', () => {
  beforeEach(() => {
    variables.set({ name: 'id', value: '', path: '$.user.id' })
  })

  test('has the value of the newest reply that has one', () => {
    expect(scope.expand('{{id}}')).toEqual({ text: '{{id}}', missing: ['id'] })
    scope.received('[RE]: {"user":{"id":12345678901234567890}}')
    expect(expand('{{id}}')).toBe('12345678901234567890')
    for (const other of ['hello', '{"user":1}', '{"user":', Uint8Array.of(1)]) scope.received(other)
    expect(expand('{{id}}')).toBe('12345678901234567890')
    scope.received('{"user":{"id":"b"}}')
    expect(expand('{{id}}')).toBe('b')
  })

  test('belongs to its tab', () => {
    scope.received('{"user":{"id":1}}')
    expect(variables.createScope().expand('{{id}}').missing).toEqual(['id'])
  })
})

test.each([
  [{ name: 'uuid', value: '' }, '"uuid" is a built-in variable'],
  [{ name: '', value: '' }, 'begins with a letter'],
  [{ name: '1a', value: '' }, 'begins with a letter'],
  [{ name: 'a b', value: '' }, 'begins with a letter'],
  [{ name: 'a', value: '', path: 'a..b' }, 'is not a part of a path'],
])('%j is refused', (variable, words) => {
  expect(variables.set(variable)).toEqual({ problem: expect.stringContaining(words) })
  expect(variables.list()).toEqual([])
})

test('the number of variables is limited', () => {
  for (let i = 0; i < 100; i++) expect(variables.set({ name: `a${i}`, value: '' })).toEqual({ kept: 'blocked' })
  expect(variables.set({ name: 'b', value: '' })).toHaveProperty('problem')
})

test('invalid stored entries are skipped', () => {
  const good = { name: 'a', value: '1', path: 'b' }
  expect(parseVariables([null, {}, { name: 'a' }, { name: 'uuid', value: '' }, { ...good, path: 1 }, good])).toEqual([
    good,
  ])
  expect(parseVariables('a')).toEqual([])
})
