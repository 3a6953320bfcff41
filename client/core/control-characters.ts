/** A part of a text, or a visible stand-in for an invisible character. */
export type Segment = { text: string; isControl: boolean }

// Control characters, format characters (zero-width, bidirectional, soft hyphen), and line separators.
const ALL = /([\p{Cc}\p{Cf}\u2028\u2029])/u
const ALL_BUT_LAYOUT = /((?![\n\t])[\p{Cc}\p{Cf}\u2028\u2029])/u

/**
 * Splits a text at invisible characters and makes each of them visible: ASCII controls as Control Pictures, others
 * like `U+202E`. `keepLayout` leaves line feeds and tabs unchanged.
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
