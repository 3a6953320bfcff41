import { expect, test } from 'vitest'
import { duration, integer, oneOf, type Parser, size, Unexpected } from '../../server/config/values.ts'

const rejects = (parse: Parser<unknown>, texts: string[], message: string) => {
  for (const text of texts) expect(() => parse(text), text).toThrow(new Unexpected(message))
}

test('an integer is parsed from decimal digits, within its bounds', () => {
  const parse = integer(2, 10)
  expect(['2', '10', '007'].map(parse)).toEqual([2, 10, 7])
  rejects(parse, ['1', '11', '', '-3', '3.0', '3e0', '0x3', ' 3', '3 ', '٣', '3s'], 'an integer from 2 to 10')
})

test('a size is parsed in bytes, with or without a unit', () => {
  const parse = size('1', '1GiB')
  expect(['1', '7B', '64KiB', '16MiB', '1GiB'].map(parse)).toEqual([1, 7, 65_536, 2 ** 24, 2 ** 30])
  const expected = 'a size from 1 to 1GiB, such as 65536, 64KiB or 16MiB'
  rejects(parse, ['0', '2GiB', '64KB', '64 KiB', '1.5MiB', 'KiB', '1TiB', '1constructor'], expected)
})

test('a duration is parsed in milliseconds, with or without a unit', () => {
  const parse = duration('0', '24h')
  expect(['0', '500', '500ms', '30s', '5m', '24h'].map(parse)).toEqual([0, 500, 500, 30_000, 300_000, 86_400_000])
  rejects(parse, ['25h', '1d', '1m30s', '-1s', 's', '1S'], 'a duration from 0 to 24h, such as 500ms or 30s')
})

test('oneOf accepts exactly the given values', () => {
  expect(oneOf('fin', 'rst')('rst')).toBe('rst')
  rejects(oneOf('fin', 'rst'), ['RST', '', 'fin '], 'one of fin, rst')
  rejects(oneOf('ignore'), ['yes'], 'ignore')
})
