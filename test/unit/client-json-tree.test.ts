import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { listValues, readPath, valueAt, writePath } from '../../client/core/json-path.ts'
import { createJsonTree, type JsonNode, type JsonTree } from '../../client/core/json-tree.ts'

const shown = (tree: JsonTree, nodes: JsonNode[]) => nodes.map(node => [node.key, node.kind, tree.source(node)])

/** Reads the whole tree as values. */
function read(tree: JsonTree, node: JsonNode = tree.root): unknown {
  const children = tree.children(node, undefined, Number.POSITIVE_INFINITY)
  if (node.kind === 'array') return children.map(child => read(tree, child))
  if (node.kind === 'object') return Object.fromEntries(children.map(child => [child.key, read(tree, child)]))
  return JSON.parse(tree.source(node))
}

describe('a JSON tree', () => {
  test('has the values as they were written', () => {
    const tree = createJsonTree(
      ' {"a" : 12345678901234567890, "a":1.0 ,"b":{ "c":[] },"d\\"":"}\\\\","e":null,"f":true}',
    )
    expect(shown(tree, tree.children(tree.root))).toEqual([
      ['a', 'number', '12345678901234567890'],
      ['a', 'number', '1.0'],
      ['b', 'object', '{ "c":[] }'],
      ['d"', 'string', '"}\\\\"'],
      ['e', 'null', 'null'],
      ['f', 'boolean', 'true'],
    ])
  })

  test('gives many elements in pages', () => {
    const tree = createJsonTree(JSON.stringify(Array.from({ length: 1200 }, (_, i) => i)))
    const first = tree.children(tree.root)
    const second = tree.children(tree.root, first.at(-1))
    const third = tree.children(tree.root, second.at(-1))
    expect([first, second, third].map(page => page.length)).toEqual([500, 500, 200])
    expect(third.at(-1)).toMatchObject({ key: 1199 })
    expect(tree.children(tree.root, third.at(-1))).toEqual([])
  })

  test('equals the result of JSON.parse', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 6 }), fc.boolean(), (value, isIndented) => {
        const text = JSON.stringify(value, null, isIndented ? 2 : 0)
        expect(read(createJsonTree(text))).toEqual(JSON.parse(text))
      }),
    )
  })

  test('of 100,000 nested arrays does not overflow the stack', () => {
    const tree = createJsonTree('['.repeat(100_000) + ']'.repeat(100_000))
    expect(tree.children(tree.root)).toHaveLength(1)
  })
})

describe('a path', () => {
  test.each([
    ['', []],
    ['$', []],
    ['a', ['a']],
    ['$.a.b', ['a', 'b']],
    ['items[0].id', ['items', 0, 'id']],
    ['[1]["a b"]["\\""]', [1, 'a b', '"']],
    ['$["0"]', ['0']],
    [' größe ', ['größe']],
  ])('%j is read as %j', (text, path) => {
    expect(readPath(text)).toEqual(path)
  })

  test.each(['a.', 'a..b', 'a[', 'a[-1]', "['a']", 'a b', '*'])('%j is refused', text => {
    expect(readPath(text)).toEqual({ problem: expect.stringMatching(/is not a part of a path/) })
  })

  test('is read as it was written', () => {
    const step = fc.oneof(fc.nat(1000), fc.string({ unit: 'binary' }))
    fc.assert(
      fc.property(fc.array(step), path => {
        expect(readPath(writePath(path))).toEqual(path)
      }),
    )
  })

  const message =
    '[RE]: {"id": 12345678901234567890, "user": {"name": "É\\n"}, "list": [1, {"a": null}], "id2": 1, "id2": 2}'
  test.each([
    ['id', '12345678901234567890'],
    ['user.name', 'É\n'],
    ['list[1].a', 'null'],
    ['list', '[1, {"a": null}]'],
    ['id2', '2'],
    ['list[2]', undefined],
    ['list["0"]', undefined],
    ['user.name.length', undefined],
    ['absent.a', undefined],
  ])('%s leads to %j', (path, value) => {
    expect(valueAt(message, readPath(path) as string[])).toBe(value)
  })

  test('is known for each value in a message, those near the root first', () => {
    expect(listValues(message, 10).slice(0, 3)).toEqual([
      { path: '$.id', value: '12345678901234567890' },
      { path: '$.id2', value: '2' },
      { path: '$.user.name', value: 'É\n' },
    ])
    expect(listValues(message, 100).at(-1)).toEqual({ path: '$.list[1].a', value: 'null' })
    expect(listValues(message, 2)).toHaveLength(2)
    expect(listValues('hello', 4)).toEqual([])
  })

  test('leads nowhere in a text that is not JSON', () => {
    expect(valueAt('hello', ['a'])).toBeUndefined()
  })
})
