import { deflateRawSync, deflateSync, gzipSync } from 'node:zlib'
import { encode as encodeMessagePack } from '@msgpack/msgpack'
import { encode as encodeCbor } from 'cborg'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { parseHex } from '../../client/core/bytes.ts'
import { decode, type Encoding, encodings, guessEncoding } from '../../client/core/decode.ts'

const own = (bytes: Uint8Array) => Uint8Array.from(bytes)

function hex(text: string) {
  const parsed = parseHex(text)
  if ('problem' in parsed) throw new Error(parsed.problem)
  return parsed.bytes
}

const anyJson = fc.jsonValue({ maxDepth: 5 }).filter(value => !JSON.stringify(value).includes('__proto__'))

describe.each([
  ['msgpack', encodeMessagePack],
  ['cbor', encodeCbor],
] as const)('%s', (encoding, encode) => {
  test('becomes the same JSON', async () => {
    await fc.assert(
      fc.asyncProperty(anyJson, async value => {
        const decoded = await decode(own(encode(value)), encoding)
        expect('message' in decoded && JSON.parse(decoded.message as string)).toEqual(JSON.parse(JSON.stringify(value)))
      }),
    )
  })

  test('that is invalid is a problem, whatever the bytes', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 30 }), async bytes => {
        const decoded = await decode(own(bytes), encoding)
        if ('message' in decoded) JSON.parse(decoded.message as string)
        else expect(decoded.problem).toMatch(/^This is not valid (MessagePack|CBOR): .*[^.]\.$/)
      }),
    )
  })

  test('that is nested too deeply is a problem', async () => {
    const nested = new Uint8Array(1_000_000).fill(encoding === 'cbor' ? 0x81 : 0x91)
    expect(await decode(nested, encoding)).toEqual({ problem: expect.stringMatching(/^This is not/) })
  })
})

test.each<[Encoding, string, string]>([
  ['cbor', '1b ff ff ff ff ff ff ff ff', '18446744073709551615'],
  ['cbor', '83 f7 f9 7e 00 42 01 02', '[{"$undefined":true},{"$number":"NaN"},{"$bytes":"01 02"}]'],
  ['cbor', 'c1 1a 51 4b 67 b0', '{"$tag":1,"value":1363896240}'],
  ['cbor', 'c2 49 01 00 00 00 00 00 00 00 00', '{"$tag":2,"value":{"$bytes":"01 00 00 00 00 00 00 00 00"}}'],
  ['cbor', 'a2 01 02 61 61 03', '{"$map":[[1,2],["a",3]]}'],
  ['cbor', 'bf 61 61 9f 01 ff ff', '{"a":[1]}'],
  ['msgpack', 'cf ff ff ff ff ff ff ff ff', '18446744073709551615'],
  ['msgpack', 'c4 02 01 02', '{"$bytes":"01 02"}'],
  ['msgpack', 'd6 ff 00 00 00 00', '{"$time":"1970-01-01T00:00:00.000Z"}'],
  ['msgpack', 'd4 05 aa', '{"$extension":5,"value":{"$bytes":"aa"}}'],
  ['msgpack', '81 01 a1 61', '{"1":"a"}'],
  ['msgpack', '81 c4 01 aa c0', '{"{\\"$bytes\\":\\"aa\\"}":null}'],
])('%s %s becomes %s', async (encoding, bytes, message) => {
  expect(await decode(hex(bytes), encoding)).toEqual({ message, isCut: false })
})

test.each<[Encoding, string]>([
  ['msgpack', 'dd ff ff ff ff'],
  ['msgpack', '01 02'],
  ['cbor', '9b 00 00 00 ff ff ff ff ff'],
  ['cbor', '01 02'],
])('%s %s, which announces more or has more than one value, is a problem', async (encoding, bytes) => {
  expect(await decode(hex(bytes), encoding)).toHaveProperty('problem')
})

describe.each([
  ['gzip', gzipSync],
  ['deflate', deflateSync],
  ['deflate-raw', deflateRawSync],
] as const)('%s', (encoding, compress) => {
  test('becomes text or bytes', async () => {
    expect(await decode(own(compress('héllo')), encoding)).toEqual({ message: 'héllo', isCut: false })
    expect(await decode(own(compress(Uint8Array.of(0xff))), encoding)).toEqual({
      message: Uint8Array.of(0xff),
      isCut: false,
    })
    expect(await decode(own(compress('')), encoding)).toEqual({ message: '', isCut: false })
  })

  test('is decompressed up to a limit', async () => {
    const bomb = own(compress('a'.repeat(10_000_000)))
    expect(await decode(bomb, encoding, 1000)).toEqual({ message: 'a'.repeat(1000), isCut: true })
    expect(await decode(bomb, encoding, 10_000_000)).toMatchObject({ isCut: false })
  })

  test('that is damaged is a problem', async () => {
    const whole = own(compress('hello'))
    expect(await decode(whole.subarray(0, -3), encoding)).toHaveProperty('problem')
    expect(await decode(hex('ff ff ff'), encoding)).toEqual({
      problem: expect.stringMatching(/^This is not valid .+: .*[^.]\.$/),
    })
  })
})

test.each([
  [gzipSync('a'), 'gzip'],
  [deflateSync('a'), 'deflate'],
  [deflateSync('a', { level: 9 }), 'deflate'],
  [Uint8Array.of(0x78, 0x79), undefined],
  [Uint8Array.of(), undefined],
])('the first bytes announce an encoding or none (case %#)', (bytes, encoding) => {
  expect(guessEncoding(bytes)).toBe(encoding)
})

test('each encoding has a name', () => {
  expect(encodings.map(([, name]) => name)).toEqual(['MessagePack', 'CBOR', 'gzip', 'deflate (zlib)', 'raw deflate'])
})
