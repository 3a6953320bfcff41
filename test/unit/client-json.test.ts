import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { findJson, formatJson, isJson, mayHaveJson } from '../../client/core/json.ts'

const format = (text: string) => {
  const formatted = formatJson(text)
  return 'text' in formatted ? formatted.text : formatted.problem
}

describe('formatted JSON', () => {
  test('has a line for each member and element', () => {
    expect(format(' {"a":[1,{"b":null}],\n"c" : true} ')).toBe(
      `{
  "a": [
    1,
    {
      "b": null
    }
  ],
  "c": true
}`,
    )
  })

  test.each([
    ['[12345678901234567890, 1.0, 1E5, -0]', '[\n  12345678901234567890,\n  1.0,\n  1E5,\n  -0\n]'],
    ['{"a":1,"a":2}', '{\n  "a": 1,\n  "a": 2\n}'],
    ['{"2":0,"1":0}', '{\n  "2": 0,\n  "1": 0\n}'],
    ['"\\u0041\\/ {}[ ] : , \\" \\\\"', '"\\u0041\\/ {}[ ] : , \\" \\\\"'],
    ['["{ }\\"[ ]" , "\\\\" ]', '[\n  "{ }\\"[ ]",\n  "\\\\"\n]'],
    ['["\\\\","a  b"]', '[\n  "\\\\",\n  "a  b"\n]'],
    ['{ }', '{}'],
    ['[{},[ \n ]]', '[\n  {},\n  []\n]'],
    [' 1 ', '1'],
  ])('%s changes only in whitespace', (text, formatted) => {
    expect(format(text)).toBe(formatted)
  })

  test('equals the output of JSON.stringify', () => {
    fc.assert(
      fc.property(fc.json({ maxDepth: 8 }), text => {
        expect(format(text)).toBe(JSON.stringify(JSON.parse(text), null, 2))
      }),
    )
  })

  test('stays the same when formatted again', () => {
    fc.assert(
      fc.property(fc.json(), text => {
        expect(format(format(text))).toBe(format(text))
      }),
    )
  })

  test('of nested brackets grows linearly', () => {
    const text = '['.repeat(50_000) + ']'.repeat(50_000)
    const formatted = format(text)
    expect(formatted.length).toBeLessThan(150 * text.length)
    expect(formatted.replace(/\s/g, '')).toBe(text)
  })

  test('may contain a string of megabytes', () => {
    const long = '\\n'.repeat(4_000_000) + 'a'.repeat(4_000_000)
    expect(format(`["${long}"]`)).toBe(`[\n  "${long}"\n]`)
  })
})

test.each(['', ' ', '{"open":', "{'a':1}", '[1,]', 'hello\nworld', '1 2', '{"a":\n b\n}', `["${'a'.repeat(1000)}`])(
  '%j is not JSON, and the problem is one short line',
  text => {
    expect(formatJson(text)).toEqual({ problem: expect.stringMatching(/^.{5,100}$/) })
  },
)

test.each([
  ['{}', true],
  [' \n[1]', true],
  ['{"a":1', false],
  ['[RE]: hello', false],
  ['"text"', false],
  ['1', false],
  ['null', false],
  ['', false],
])('whether %j is an object or array: %j', (text, is) => {
  expect(isJson(text)).toBe(is)
})

describe('JSON in a message', () => {
  test.each([
    ['{"a":1}', 0],
    ['[RE]: {"a":[1]}', 6],
    ['[RE]: [1, 2]\n', 6],
    ['42["event",{"a":1}]', 2],
    ['data: {x} {"a":"}"}', 10],
    [`${'a'.repeat(63)}{}`, 63],
  ])('is found: %j begins at %d', (text, start) => {
    expect(mayHaveJson(text)).toBe(true)
    expect(findJson(text)).toBe(start)
  })

  test.each(['', 'hello', '[RE]: hello', '[RE]', '{"a":1', '{"a":1} end', '{]', `${'a'.repeat(64)}{}`])(
    'is not found: %j',
    text => {
      expect(findJson(text)).toBe(-1)
    },
  )

  test('is looked for at both ends only, at first', () => {
    expect(mayHaveJson(`[${'x'.repeat(20_000_000)}]`)).toBe(true)
    expect(mayHaveJson(`[${'x'.repeat(20_000_000)}`)).toBe(false)
  })
})
