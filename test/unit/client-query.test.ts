import { expect, test } from 'vitest'
import { editQuery, readQuery, writeQuery } from '../../client/core/query.ts'

const names = new Set(['delay', 'loss', 'stall', 'reason'])

test.for([
  ['ws://localhost/ws', []],
  [
    'ws://localhost/ws?delay=1s&stall&loss=10%',
    [
      ['delay', '1s'],
      ['stall', ''],
      ['loss', '10%'],
    ],
  ],
  ['ws://localhost/ws?reason=a+b%21#delay=1s', [['reason', 'a b!']]],
  ['?delay=', [['delay', '']]],
  ['not finis', []],
] as const)('the query of %s is parsed', ([address, expected]) => {
  expect(readQuery(address)).toEqual(expected)
})

test.for([
  ['ws://h/ws', [['delay', '1s']], 'ws://h/ws?delay=1s'],
  ['ws://h/ws?delay=1s', [], 'ws://h/ws'],
  [
    'ws://h/ws?delay=1s',
    [
      ['delay', '2s'],
      ['stall', ''],
    ],
    'ws://h/ws?delay=2s&stall',
  ],
  ['ws://h/ws?token=a%2Fb&delay=1s&x', [['loss', '10%']], 'ws://h/ws?token=a%2Fb&x&loss=10%25'],
  ['ws://h/ws#there', [['reason', 'a b+c&d=e, f:g/@ä']], 'ws://h/ws?reason=a+b%2Bc%26d%3De,+f:g/@%C3%A4'],
  ['', [['stall', '']], '?stall'],
] as const)('writing parameters into %s leaves all others unchanged', ([address, parameters, expected]) => {
  const written = writeQuery(address, names, parameters)
  expect(written).toBe(expected)
  expect(readQuery(written)).toEqual(expect.arrayContaining([...parameters]))
})

test.for([
  ['?message=a&message=b', 'delay', ['1s'], '?delay=1s&message=a&message=b'],
  ['?message=a&message&message=%0A', 'delay', ['1s'], '?delay=1s&message=a&message&message=%0A'],
  ['?message=a&token=x&delay=1s', 'message', ['b', 'c'], '?token=x&delay=1s&message=b&message=c'],
  ['?stall&message=a&message=b', 'message', [], '?stall'],
  ['?delay=1s&delay=2s', 'stall', [''], '?delay=1s&delay=2s&stall'],
] as const)('editing a parameter of %s keeps every value of the others', ([address, edited, values, expected]) => {
  expect(editQuery(address, ['delay', 'message', 'stall'], edited, values)).toBe(expected)
})
