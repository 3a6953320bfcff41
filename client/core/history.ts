import type { Stored } from './stored.ts'

/** The messages sent, which all tabs share. */
export type History = {
  /** Keeps a message as the newest, but not an empty or very long one, nor the same twice in a row. */
  add(text: string): void
  /** Creates a walk for one field: how far it has gone, and its draft, are its own. */
  createWalk(): Walk
}

/** A way back through the messages sent, as in a shell. */
export type Walk = {
  /** Steps back; `current` is the draft that comes back at the end of the walk. `undefined` at the oldest. */
  older(current: string): string | undefined
  /** Steps forward, after the newest to the draft, which ends the walk. `undefined` when there is no walk. */
  newer(): string | undefined
  /** Lets go of the draft: the next step back is to the newest again. */
  end(): void
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
  return {
    add(text) {
      const texts = stored.get()
      if (isKept(text) && text !== texts.at(-1)) stored.set([...texts, text].slice(-MOST_TEXTS))
    },

    createWalk: () => createWalk(stored),
  }
}

function createWalk(stored: Stored<string[]>): Walk {
  let place: { texts: string[]; at: number; draft: string } | undefined

  return {
    older(current) {
      const texts = place?.texts ?? stored.get()
      const at = (place?.at ?? texts.length) - 1
      if (at < 0) return undefined
      place = { texts, at, draft: place?.draft ?? current }
      return texts[at]
    },

    newer() {
      if (!place) return undefined
      const { texts, draft } = place
      const text = texts[++place.at]
      if (text !== undefined) return text
      place = undefined
      return draft
    },

    end() {
      place = undefined
    },
  }
}
