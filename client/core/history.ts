import type { Stored } from './stored.ts'

/** The messages sent, to be walked through as in a shell. */
export type History = {
  /** Keeps a message as the newest, but not an empty or very long one, nor the same twice in a row. Ends the walk. */
  add(text: string): void
  /** Steps back; `current` is the draft that comes back at the end of the walk. `undefined` at the oldest. */
  older(current: string): string | undefined
  /** Steps forward, after the newest to the draft, which ends the walk. `undefined` when there is no walk. */
  newer(): string | undefined
  /** Ends the walk. */
  reset(): void
}

const MOST_TEXTS = 100
/** In characters. */
const MOST_LENGTH = 16 * 1024

const isKept = (text: unknown): text is string => typeof text === 'string' && text !== '' && text.length <= MOST_LENGTH

/** Takes what is stored, newest last, and leaves out what can't have been a message. */
export function parseHistory(json: unknown): string[] {
  return Array.isArray(json) ? json.filter(isKept).slice(-MOST_TEXTS) : []
}

/** Creates a history of what is stored and what is added. */
export function createHistory(stored: Stored<string[]>): History {
  let walk: { texts: string[]; at: number; draft: string } | undefined

  return {
    add(text) {
      walk = undefined
      const texts = stored.get()
      if (isKept(text) && text !== texts.at(-1)) stored.set([...texts, text].slice(-MOST_TEXTS))
    },

    older(current) {
      const texts = walk?.texts ?? stored.get()
      const at = (walk?.at ?? texts.length) - 1
      if (at < 0) return undefined
      walk = { texts, at, draft: walk?.draft ?? current }
      return texts[at]
    },

    newer() {
      if (!walk) return undefined
      const { texts, draft } = walk
      const text = texts[++walk.at]
      if (text !== undefined) return text
      walk = undefined
      return draft
    },

    reset() {
      walk = undefined
    },
  }
}
