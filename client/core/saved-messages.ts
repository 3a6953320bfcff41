import { type Format, isFormat } from './link.ts'
import type { Stored } from './stored.ts'

export type SavedMessage = {
  name: string
  format: Format
  /** As it is in the field, also when that isn't valid for the format. */
  text: string
}

/** Messages under names. */
export type SavedMessages = {
  /** Sorted by name. */
  list(): SavedMessage[]
  /** Replaces the one of the same name. Tells whether there was room for it. */
  save(message: SavedMessage): boolean
  remove(name: string): void
}

const MOST = 100

/** Takes what is stored, and leaves out each item that isn't a saved message. */
export function parseSavedMessages(json: unknown): SavedMessage[] {
  return Array.isArray(json) ? json.filter(isSavedMessage).slice(0, MOST) : []
}

/** Creates the saved messages of what is stored. */
export function createSavedMessages(stored: Stored<SavedMessage[]>): SavedMessages {
  const others = (name: string) => stored.get().filter(message => message.name !== name)

  return {
    list: () => [...stored.get()].sort((a, b) => a.name.localeCompare(b.name, 'en', { numeric: true })),

    save(message) {
      const messages = others(message.name)
      if (messages.length >= MOST) return false
      stored.set([...messages, message])
      return true
    },

    remove(name) {
      stored.set(others(name))
    },
  }
}

function isSavedMessage(json: unknown): json is SavedMessage {
  if (typeof json !== 'object' || json === null) return false
  const { name, format, text } = json as Record<keyof SavedMessage, unknown>
  return typeof name === 'string' && name !== '' && typeof text === 'string' && isFormat(format)
}
