import { type Format, isFormat } from './link.ts'
import type { Kept, Stored } from './stored.ts'

export type SavedMessage = {
  name: string
  format: Format
  /** As it was typed, even if it is invalid in this format. */
  text: string
}

/** Messages saved by name. */
export type SavedMessages = {
  /** Sorted by name. */
  list(): SavedMessage[]
  /** Saves a message, or replaces the one of the same name. Returns false if there is no room. */
  save(message: SavedMessage): boolean
  remove(name: string): void
  /** Whether the last change was kept for the next visit. */
  readonly kept: Kept
}

const MAX_MESSAGES = 100

/** Reads the stored messages and skips invalid entries. */
export function parseSavedMessages(json: unknown): SavedMessage[] {
  return Array.isArray(json) ? json.filter(isSavedMessage).slice(0, MAX_MESSAGES) : []
}

/** Creates the list of saved messages on top of stored ones. */
export function createSavedMessages(stored: Stored<SavedMessage[]>): SavedMessages {
  let kept: Kept = 'kept'
  const others = (name: string) => stored.get().filter(message => message.name !== name)

  return {
    list: () => [...stored.get()].sort((a, b) => a.name.localeCompare(b.name, 'en', { numeric: true })),

    save(message) {
      const messages = others(message.name)
      if (messages.length >= MAX_MESSAGES) return false
      kept = stored.set([...messages, message])
      return true
    },

    get kept() {
      return kept
    },

    remove(name) {
      kept = stored.set(others(name))
    },
  }
}

function isSavedMessage(json: unknown): json is SavedMessage {
  if (typeof json !== 'object' || json === null) return false
  const { name, format, text } = json as Record<keyof SavedMessage, unknown>
  return typeof name === 'string' && name !== '' && typeof text === 'string' && isFormat(format)
}
