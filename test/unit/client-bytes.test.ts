import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { byteLength, formatSize, hexDump, parseBase64, parseHex, toBase64, toHex } from '../../client/core/bytes.ts'

const bytes = (...values: number[]) => ({ bytes: Uint8Array.from(values) })
const anyBytes = fc.uint8Array({ maxLength: 200 })
const space = fc.stringMatching(/^[ \t\r\n]{0,3}$/)
const anyText = fc
  .array(fc.oneof(fc.integer({ min: 0, max: 0xffff }), fc.integer({ min: 0xd800, max: 0xdfff })))
  .map(units => String.fromCharCode(...units))

describe('hex', () => {
  test.each([
    ['', []],
    [' \n', []],
    ['00ff7F', [0, 255, 127]],
    ['00 ff\t7f\n', [0, 255, 127]],
    ['00:ff, 7f,', [0, 255, 127]],
    ['0x00, 0XFF 0x7f', [0, 255, 127]],
    ['0x00ff0x7f', [0, 255, 127]],
  ])('%j is parsed', (text, values) => {
    expect(parseHex(text)).toEqual(bytes(...values))
  })

  test.each([
    ['0g', '"g" at position 2 is not a hex digit'],
    ['g', '"g" at position 1 is not a hex digit'],
    ['00 👋', '"👋" at position 4 is not a hex digit'],
    ['00-11', '"-" at position 3 is not a hex digit'],
    ['0x0x12', '"x" at position 4 is not a hex digit'],
    ['0x 12', 'the byte at position 1 has no hex digit'],
    ['00 1 22', 'the byte at position 4 has only one hex digit'],
    ['00 0x1,', 'the byte at position 4 has only one hex digit'],
    ['00 1', 'the last byte has only one hex digit'],
    ['00 0x1', 'the last byte has only one hex digit'],
    ['00 0x', 'the last byte has no hex digit'],
  ])('%j is rejected: %s', (text, problem) => {
    expect(parseHex(text)).toEqual({ problem })
  })

  test('survives writing and parsing', () => {
    expect(toHex(Uint8Array.of(0, 10, 255))).toBe('00 0a ff')
    fc.assert(
      fc.property(anyBytes, value => {
        expect(parseHex(toHex(value))).toEqual({ bytes: value })
      }),
    )
  })

  test('parsing any text returns bytes or a problem', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[0-9a-fxg:, ]*$/), text => {
        const parsed = parseHex(text)
        const isWellFormed = /^[\s,:]*((0x)?[\da-f]{2}[\s,:]*)*$/.test(text)
        expect('bytes' in parsed).toBe(isWellFormed)
      }),
    )
  })
})

describe('base64', () => {
  test.each([
    ['', []],
    ['AP9/', [0, 255, 127]],
    ['AP 9/\n', [0, 255, 127]],
    ['+/-_', [251, 255, 191]],
    ['/w==', [255]],
    ['/w', [255]],
    ['/w = =', [255]],
    ['//8=', [255, 255]],
    ['//8', [255, 255]],
  ])('%j is parsed', (text, values) => {
    expect(parseBase64(text)).toEqual(bytes(...values))
  })

  test.each([
    ['A.', '"." at position 2 is not a base64 digit'],
    ['AA 👋', '"👋" at position 4 is not a base64 digit'],
    ['é', '"é" at position 1 is not a base64 digit'],
    ['AA=A', '"=" at position 3 is padding, which must be at the end'],
    ['A', 'one base64 digit is left over, and a byte needs two'],
    ['AAAAA===', 'one base64 digit is left over, and a byte needs two'],
    ['/w=', 'the padding is 1 × "=", but must be 2 or none'],
    ['//8==', 'the padding is 2 × "=", but must be 1 or none'],
    ['AAAA=', 'the padding is 1 × "=", but must be none'],
    ['/x==', 'the last base64 digit "x" has bits beyond the last byte'],
    ['//9', 'the last base64 digit "9" has bits beyond the last byte'],
  ])('%j is rejected: %s', (text, problem) => {
    expect(parseBase64(text)).toEqual({ problem })
  })

  test('is written as Node writes it, and every variant is parsed', () => {
    fc.assert(
      fc.property(anyBytes, space, (value, between) => {
        expect(toBase64(value)).toBe(Buffer.from(value).toString('base64'))
        expect(parseBase64(toBase64(value).replace(/(?<=.)/g, between))).toEqual({ bytes: value })
        expect(parseBase64(Buffer.from(value).toString('base64url'))).toEqual({ bytes: value })
      }),
    )
  })

  test('is accepted only if Node would write the same', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[AQgwxyz09+/]{0,6}$/), text => {
        const isWhole = Buffer.from(text, 'base64').toString('base64').replaceAll('=', '') === text
        expect('bytes' in parseBase64(text)).toBe(isWhole)
      }),
    )
  })

  test('of megabytes is written and parsed', () => {
    const value = new Uint8Array(3_000_001).fill(200)
    const parsed = parseBase64(toBase64(value))
    expect('bytes' in parsed && Buffer.compare(parsed.bytes, value)).toBe(0)
  })
})

test('a hex dump equals that of hexdump -C', () => {
  expect(hexDump(new Uint8Array())).toBe('')
  expect(hexDump(new TextEncoder().encode('Hello, wide world!~\x7f\n\xe9'))).toBe(
    [
      '00000000  48 65 6c 6c 6f 2c 20 77  69 64 65 20 77 6f 72 6c  |Hello, wide worl|',
      '00000010  64 21 7e 7f 0a c3 a9                              |d!~....|',
    ].join('\n'),
  )
})

describe('the length', () => {
  test.each([
    ['', 0],
    ['a\x7f', 2],
    ['é\u07ff', 4],
    ['\u0800\uffff', 6],
    ['👋', 4],
    ['\ud83d', 3],
    ['\udc4b\ud83d', 6],
    ['\ud83d👋', 7],
  ])('of %j is %i bytes', (text, length) => {
    expect(byteLength(text)).toBe(length)
  })

  test('of any text is that of its UTF-8 encoding', () => {
    fc.assert(fc.property(anyText, text => byteLength(text) === new TextEncoder().encode(text).length))
  })

  test('of binary data is its number of bytes', () => {
    expect(byteLength(new Uint8Array(7))).toBe(7)
  })
})

test.each([
  [0, '0 B'],
  [5, '5 B'],
  [1023, '1023 B'],
  [1024, '1 KiB'],
  [1536, '1.5 KiB'],
  [200_000, '195 KiB'],
  [1024 * 1024 - 1, '1 MiB'],
  [12 * 1024 * 1024, '12 MiB'],
  [1024 ** 3 * 9.97, '10 GiB'],
  [1024 ** 5, '1024 TiB'],
])('%d bytes are %s', (size, text) => {
  expect(formatSize(size)).toBe(text)
})
