/** A text or a regular expression to search for. */
export type SearchPattern = {
  /** Matches text case-insensitively if the user typed text. */
  pattern: RegExp
  /** The typed text, which binary messages may contain as UTF-8 or hex; absent for a regular expression. */
  text?: string
  /** Whether to hide the lines that match, instead of the others. */
  isExcluded: boolean
}

/**
 * Reads a search as it was typed: a text, or a regular expression such as `/a+b/i`; a `-` before either hides the
 * lines that match. Returns `undefined` for an empty search. A problem is one sentence.
 */
export function readSearch(typed: string): SearchPattern | { problem: string } | undefined {
  if (typed === '') return undefined
  const isExcluded = typed.length > 1 && typed.startsWith('-')
  const text = isExcluded ? typed.slice(1) : typed
  const [, source, flags] = /^\/(.+)\/([a-z]*)$/s.exec(text) ?? []
  if (source === undefined) return { ...literal(text), isExcluded }

  try {
    // With these flags, each test would begin where the last match ended.
    const pattern = new RegExp(source, flags?.replace(/[gy]/g, ''))
    return repeatsRepetition(source)
      ? { problem: 'A repetition of a repetition, such as (a+)+, can take forever. Write it without one.' }
      : { pattern, isExcluded }
  } catch (error) {
    // V8 quotes the whole expression before the reason.
    const reason = (error as Error).message.replace(/^Invalid regular expression: .*\/[a-z]*: /s, '')
    return { problem: `This regular expression is not valid: ${reason}.` }
  }
}

/** Returns the pattern that finds a text. Unlike lower-casing, it does not copy the message. */
export const literal = (text: string) => ({
  pattern: new RegExp(text.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&'), 'iu'),
  text,
  isExcluded: false,
})

const TOKEN = /\\.|\[(?:\\.|[^\]])*\]|[()]|[*+]|\{\d+,\d*\}|./gs

/**
 * Returns whether a group that contains a repetition is repeated. Such a pattern can take exponential time, and a page
 * cannot interrupt it.
 */
export function repeatsRepetition(source: string): boolean {
  /** Whether each open group contains a repetition; the first one is the whole pattern. */
  const groups = [false]
  let closed = false
  for (const [token] of source.matchAll(TOKEN)) {
    const isRepeat = /^(?:[*+]|\{\d+,\d*\})$/.test(token)
    if (isRepeat && closed) return true
    closed = false
    if (token === '(') groups.push(false)
    else if (token === ')') {
      closed = groups.pop() === true
      if (closed && groups.length > 0) groups[groups.length - 1] = true
    } else if (isRepeat) groups[groups.length - 1] = true
  }
  return false
}
