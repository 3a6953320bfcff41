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

/** In characters. Longer prefixes are not searched. */
const LONGEST_PREFIX = 64

/** Returns the index at which a JSON object or array begins that reaches to the end of the text, or -1. */
export function findJson(text: string): number {
  if (!/[}\]]\s*$/.test(text.slice(-LONGEST_PREFIX))) return -1
  for (const { index } of text.slice(0, LONGEST_PREFIX).matchAll(/[{[]/g)) if (isJson(text.slice(index))) return index
  return -1
}
