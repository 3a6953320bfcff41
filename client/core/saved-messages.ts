import { type Format, isFormat } from './link.ts'
import type { Kept, Stored } from './stored.ts'

export type SavedMessage = {
  name: string
  format: Format
  /** As it was typed, even if it is invalid in this format. */
  text: string
  /** The host and port of the server that the message is for; absent for a message for any server. */
  server?: string
}

/** A change of the list: whether it survives a reload, and a function that takes it back. */
export type Change = { kept: Kept; undo: () => void }

/** Messages saved by name: for one server, or for all. */
export type SavedMessages = {
  /** The messages for a server and those for all, or every message without an argument; sorted by name. */
  list(server?: string): SavedMessage[]
  /**
   * Saves a message. `replaced` is the earlier message with the same name and server, if there was one. A missing name
   * or a full list is a problem.
   */
  put(message: SavedMessage): (Change & { replaced: SavedMessage | undefined }) | { problem: string }
  /** Whether the last change was kept for the next visit. */
  readonly kept: Kept
  /** Removes the message with this name for this server, or the one for all servers. */
  remove(name: string, server?: string): Change
}

const MAX_MESSAGES = 100

/** Reads the stored messages and skips invalid entries. */
export function parseSavedMessages(json: unknown): SavedMessage[] {
  return Array.isArray(json) ? json.filter(isSavedMessage).slice(0, MAX_MESSAGES) : []
}

/** Creates the list of saved messages on top of stored ones. */
export function createSavedMessages(stored: Stored<SavedMessage[]>): SavedMessages {
  let lastKept: Kept = 'kept'

  /** Replaces the message with a name and server, or removes it. */
  function change(name: string, server: string | undefined, next: SavedMessage | undefined) {
    const isMeant = (message: SavedMessage) => message.name === name && message.server === server
    const messages = stored.get()
    const previous = messages.find(isMeant)
    const others = messages.filter(message => !isMeant(message))
    lastKept = stored.set(next ? [...others, next] : others)
    return { kept: lastKept, replaced: previous, undo: () => void change(name, server, previous) }
  }

  function put(message: SavedMessage) {
    const { name, server } = message
    if (name.trim() === '') return { problem: 'Type a name for the message.' }
    const messages = stored.get()
    const isNew = !messages.some(other => other.name === name && other.server === server)
    if (isNew && messages.length >= MAX_MESSAGES)
      return { problem: `${MAX_MESSAGES} messages are saved, which is the limit. Delete one first.` }
    return change(name, server, message)
  }

  return {
    put,
    get kept() {
      return lastKept
    },

    remove: (name, server) => change(name, server, undefined),

    list: server =>
      stored
        .get()
        .filter(message => server === undefined || message.server === undefined || message.server === server)
        .sort((a, b) => a.name.localeCompare(b.name, 'en', { numeric: true })),
  }
}

function isSavedMessage(json: unknown): json is SavedMessage {
  if (typeof json !== 'object' || json === null) return false
  const { name, format, text, server } = json as Record<keyof SavedMessage, unknown>
  const isForServer = server === undefined || typeof server === 'string'
  return typeof name === 'string' && name !== '' && typeof text === 'string' && isFormat(format) && isForServer
}
