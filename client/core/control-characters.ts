/** A part of a text, or a visible stand-in for an invisible character. */
export type Segment = { text: string; isControl: boolean }

// Control characters, format characters (zero-width, bidirectional, soft hyphen), and line separators.
const INVISIBLE = '[\\p{Cc}\\p{Cf}\\u2028\\u2029]'

// A joiner between two emoji makes one of them. Tags after a black flag make the flag of a region (UTS #51).
const IN_EMOJI = '(?<=\\p{ExtPict}\\uFE0F?\\p{EMod}?)\\u200D(?=\\p{ExtPict})'
const FLAG = '\\u{1F3F4}'
const TAG = '[\\u{E0030}-\\u{E007A}]'
const LAST_TAG = '\\u{E007F}'
const IN_FLAG = `(?<=${FLAG}${TAG}{0,5})${TAG}(?=${TAG}{0,5}${LAST_TAG})|(?<=${FLAG}${TAG}{3,6})${LAST_TAG}`

// In these scripts, (non-)joiners between letters change the shape of the letters, and with it the meaning of words.
const JOINING = [
  ...['Arab', 'Syrc', 'Mong', 'Nkoo', 'Mand', 'Adlm', 'Rohg', 'Phag'],
  ...['Deva', 'Beng', 'Guru', 'Gujr', 'Orya', 'Taml', 'Telu', 'Knda', 'Mlym', 'Sinh', 'Mymr', 'Khmr', 'Tibt'],
]
const LETTER = `[${JOINING.map(script => `\\p{scx=${script}}`).join('')}]`
const IN_WORD = `(?<=${LETTER})[\\u200C\\u200D](?=${LETTER})`

const KEPT = [IN_EMOJI, IN_FLAG, IN_WORD].join('|')
const ALL = new RegExp(`((?!${KEPT})${INVISIBLE})`, 'u')
const ALL_BUT_LAYOUT = new RegExp(`((?!${KEPT}|[\\n\\t])${INVISIBLE})`, 'u')

/**
 * Splits a text at invisible characters and makes each of them visible: ASCII controls as Control Pictures, others
 * like `U+202E`. Joiners within emoji and between letters of joining scripts are part of the writing and stay.
 * `keepLayout` leaves line feeds and tabs unchanged.
 */
export function segments(text: string, { keepLayout = false } = {}): Segment[] {
  return text
    .split(keepLayout ? ALL_BUT_LAYOUT : ALL)
    .map((part, i) => (i % 2 ? { text: picture(part), isControl: true } : { text: part, isControl: false }))
    .filter(segment => segment.text !== '')
}

function picture(character: string): string {
  const code = character.codePointAt(0) ?? 0
  if (code < 0x20) return String.fromCharCode(0x2400 + code)
  if (code === 0x7f) return '␡'
  return `U+${code.toString(16).toUpperCase().padStart(4, '0')}`
}
