/** Deeper levels are indented no further: else a message of nothing but brackets would grow by its square. */
const DEEPEST = 64

// No pattern for a whole string: the engine's stack does not hold one of megabytes.
const TOKENS = /\\.|"|\{\s*\}|\[\s*\]|[{}[\],:]|\s+/g

/** Lays JSON out in lines, and changes nothing but whitespace: numbers, escapes, repeated keys stay as they are written. */
export function formatJson(text: string): { text: string } | { problem: string } {
  try {
    JSON.parse(text)
  } catch (error) {
    // It quotes some of the text, which may have more than one line.
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

/** Tells whether a text is a JSON object or array. Most texts are refused by their first character. */
export function isJson(text: string): boolean {
  if (!/^\s*[{[]/.test(text)) return false
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}
