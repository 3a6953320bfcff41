/** A part of a text, or the visible form of a character that has none. */
export type Segment = { text: string; isControl: boolean }

// Controls, what only directs the layout (zero-width, bidirectional, soft hyphen), and the separators of lines.
const ALL = /([\p{Cc}\p{Cf}\u2028\u2029])/u
const ALL_BUT_LAYOUT = /((?![\n\t])[\p{Cc}\p{Cf}\u2028\u2029])/u

/**
 * Splits a text at characters that can't be seen, and makes each of them visible: ASCII's as their Control Pictures,
 * others as `U+202E`. `keepLayout` leaves line feeds and tabs as they are.
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
