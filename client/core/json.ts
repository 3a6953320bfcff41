/** Deeper levels are not indented further. Otherwise the output for nested brackets would grow quadratically. */
const DEEPEST = 64

// Strings are matched piece by piece: a pattern for a whole string of megabytes overflows the engine's stack.
const TOKENS = /\\.|"|\{\s*\}|\[\s*\]|[{}[\],:]|\s+/g

/** Indents JSON. Only whitespace changes: numbers, escapes and repeated keys stay as written. */
export function formatJson(text: string): { text: string } | { problem: string } {
  try {
    JSON.parse(text)
  } catch (error) {
    // The message quotes the text, which may contain line breaks.
    return { problem: (error as Error).message.replace(/\s+/g, ' ') }
  }

  let depth = 0
  let isInString = false
  const newLine = () => `\n${'  '.repeat(Math.min(depth, DEEPEST))}`

  function layOut(token: string): string {
    if (token === '"') isInString = !isInString
    if (isInString || token === '"') return token
    if (token.trim() === '') return ''
    if (token.length > 1) return token.charAt(0) + token.at(-1)
    if (token === ':') return ': '
    if (token === ',') return token + newLine()
    if (token === '{' || token === '[') {
      depth++
      return token + newLine()
    }
    depth--
    return newLine() + token
  }

  return { text: text.replace(TOKENS, layOut) }
}

/** Returns whether a text is a JSON object or array. The first character rules out most texts cheaply. */
export function isJson(text: string): boolean {
  if (!/^\s*[{[]/.test(text)) return false
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}

/** Longer texts take long to parse, so a view should parse them only when the user asks. In characters. */
export const QUICK_LENGTH = 256 * 1024

/** Only a prefix up to this length is skipped. In characters. */
const MAX_PREFIX = 64
const CLOSING: Record<string, string> = { '{': '}', '[': ']' }

/**
 * Returns where the JSON object or array begins that a text ends with, for example after a prefix such as `[RE]: `, or
 * -1 if there is none.
 */
export const findJson = (text: string): number => candidates(text).find(start => isJson(text.slice(start))) ?? -1

/** Returns whether it is worth calling `findJson`. Looks only at both ends of the text. */
export const mayHaveJson = (text: string): boolean => candidates(text).length > 0

/** Returns the places in the start of a text where an object or array that ends with the text could begin. */
function candidates(text: string): number[] {
  const last = /[}\]](?=\s*$)/.exec(text.slice(-MAX_PREFIX))?.[0]
  if (!last) return []
  const starts = text.slice(0, MAX_PREFIX).matchAll(/[{[]/g)
  return Array.from(starts).flatMap(({ 0: bracket, index }) => (CLOSING[bracket] === last ? [index] : []))
}
