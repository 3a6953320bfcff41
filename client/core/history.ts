import type { Stored } from './stored.ts'

/** The messages sent, shared by all tabs. */
export type History = {
  /** Adds a message as the newest, unless it is empty, very long, or equal to the newest. */
  add(text: string): void
  /** Creates a walk for one field, with a position and a draft of its own. */
  createWalk(): Walk
}

/** Steps through the messages sent, like the history of a shell. */
export type Walk = {
  /** Steps back and keeps `current` as the draft. Returns `undefined` at the oldest message. */
  older(current: string): string | undefined
  /** Steps forward. After the newest message it returns the draft and ends the walk. `undefined` without a walk. */
  newer(): string | undefined
  /** Forgets the draft, so that the next step back starts at the newest message again. */
  end(): void
}

const MAX_TEXTS = 100
/** In characters. */
const MAX_LENGTH = 16 * 1024

const isKept = (text: unknown): text is string => typeof text === 'string' && text !== '' && text.length <= MAX_LENGTH

/** Reads the stored messages, newest last, and skips invalid entries. */
export function parseHistory(json: unknown): string[] {
  return Array.isArray(json) ? json.filter(isKept).slice(-MAX_TEXTS) : []
}

/** Creates a history that continues the stored one. */
export function createHistory(stored: Stored<string[]>): History {
  return {
    add(text) {
      const texts = stored.get()
      if (isKept(text) && text !== texts.at(-1)) stored.set([...texts, text].slice(-MAX_TEXTS))
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
