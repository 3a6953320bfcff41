import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { segments } from '../../client/core/control-characters.ts'

const shown = (text: string, options?: { keepLayout: boolean }) =>
  segments(text, options).map(segment => (segment.isControl ? `<${segment.text}>` : segment.text))

describe('an invisible character becomes visible', () => {
  test.each([
    ['\0', '␀'],
    ['\n', '␊'],
    ['\x1b', '␛'],
    ['\x1f', '␟'],
    ['\x7f', '␡'],
    ['\x80', 'U+0080'],
    ['\x9f', 'U+009F'],
    ['\xad', 'U+00AD'],
    ['\u061c', 'U+061C'],
    ['\u200b', 'U+200B'],
    ['\u200f', 'U+200F'],
    ['\u2028', 'U+2028'],
    ['\u2029', 'U+2029'],
    ['\u202a', 'U+202A'],
    ['\u202e', 'U+202E'],
    ['\u2060', 'U+2060'],
    ['\u2066', 'U+2066'],
    ['\u2069', 'U+2069'],
    ['\ufeff', 'U+FEFF'],
    ['\u{e0041}', 'U+E0041'],
  ])('%j as %s', (text, picture) => {
    expect(segments(`a${text}b`)).toEqual([
      { text: 'a', isControl: false },
      { text: picture, isControl: true },
      { text: 'b', isControl: false },
    ])
  })
})

test.each(['', 'hello', ' é€👋\xa0\u200a', '␀U+202E'])('%j stays unchanged', text => {
  expect(shown(text).join('')).toBe(text)
})

test.each([
  ['a family', '👨‍👩‍👧‍👦'],
  ['with skin tones and a variation selector', '🧑🏽‍💻 ❤️‍🔥 🏳️‍🌈 🤷🏿‍♂️'],
  ['the flag of Scotland', '🏴󠁧󠁢󠁳󠁣󠁴󠁿'],
  ['Persian', 'می‌خواهم'],
  ['Hindi', 'क्‍ष और क्‌ष'],
  ['Sinhala', 'ශ්‍රී'],
])('joiners that are part of the writing stay: %s', (_, text) => {
  expect(shown(text)).toEqual([text])
})

test.each([
  ['a\u200db', 'a<U+200D>b'],
  ['👨\u200d', '👨<U+200D>'],
  ['\u200d👨', '<U+200D>👨'],
  ['👨\u200d\u200d👩', '👨<U+200D><U+200D>👩'],
  ['👨\u200ba', '👨<U+200B>a'],
  ['می\u200c', 'می<U+200C>'],
  ['م\u200ca', 'م<U+200C>a'],
  ['م\u202eم', 'م<U+202E>م'],
  ['\u{1f3f4}\u{e0067}', '\u{1f3f4}<U+E0067>'],
  ['\u{1f3f4}\u{e007f}', '\u{1f3f4}<U+E007F>'],
])('a joiner that joins nothing is shown: %j', (text, expected) => {
  expect(shown(text).join('')).toBe(expected)
})

test('consecutive characters are shown one by one', () => {
  expect(shown('\r\n\u202e')).toEqual(['<␍>', '<␊>', '<U+202E>'])
})

test('keepLayout keeps line feeds and tabs', () => {
  expect(shown('a\tb\r\nc\0', { keepLayout: true })).toEqual(['a\tb', '<␍>', '\nc', '<␀>'])
})

test('no invisible character remains, and no text is lost', () => {
  const character = fc.oneof(fc.string({ unit: 'binary', minLength: 1, maxLength: 1 }), fc.constantFrom('\0', '\u202e'))
  const restore = (picture: string) =>
    picture.startsWith('U+')
      ? String.fromCodePoint(Number.parseInt(picture.slice(2), 16))
      : String.fromCharCode(picture === '␡' ? 0x7f : picture.charCodeAt(0) - 0x2400)

  fc.assert(
    fc.property(fc.string({ unit: character }), text => {
      const parts = segments(text)
      expect(parts.map(part => (part.isControl ? restore(part.text) : part.text)).join('')).toBe(text)
      expect(parts.map(part => part.text).join('')).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u)
    }),
  )
})
