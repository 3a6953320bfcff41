import { describe, expect, test } from 'vitest'
import { layOut, layoutsOf, treeOf } from '../../client/core/layouts.ts'

const long = (json: string) => `{"a":${json},"b":"${'x'.repeat(5 * 1024 * 1024)}"}`

describe('the layouts of a message', () => {
  test.each([
    ['{"a":1}', ['pretty', 'tree', 'raw', 'hex']],
    ['[RE]: [1]', ['pretty', 'tree', 'raw', 'hex']],
    ['{"a":1', ['raw', 'hex']],
    ['', ['raw', 'hex']],
    [new Uint8Array([123, 125]), ['hex']],
  ])('of %j are %j', (message, layouts) => {
    expect(layoutsOf(message)).toEqual({ layouts, note: '' })
  })

  test('of JSON over 4 MiB do not lay it out, and say so', () => {
    expect(layoutsOf(long('1'))).toEqual({
      layouts: ['raw', 'tree', 'hex'],
      note: 'Too long to lay out (5 MiB). Tree reads only what you open.',
    })
  })

  test('of other text over 4 MiB are text and bytes', () => {
    expect(layoutsOf('x'.repeat(5 * 1024 * 1024))).toEqual({ layouts: ['raw', 'hex'], note: '' })
  })
})

test('JSON is laid out after its prefix', () => {
  expect(layOut('[RE]: {"a":1}')).toEqual({ prefix: '[RE]:\n', json: '{\n  "a": 1\n}' })
  expect(layOut('hello')).toEqual({ prefix: 'hello', json: '' })
})

test('a long text that only looks like JSON has no tree', () => {
  expect(treeOf(long('nothing'))).toBeUndefined()
  expect(treeOf(long('1'))?.root.kind).toBe('object')
})
