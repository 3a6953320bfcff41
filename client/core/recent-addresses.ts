import { withoutCredentials } from './address.ts'
import type { Kept, Stored } from './stored.ts'

/** The addresses of the servers that were connected last. */
export type RecentAddresses = {
  /** The newest first. */
  list(): string[]
  /** Puts an address first, without a user name and password. */
  add(address: string): Kept
  remove(address: string): Kept
}

const MAX_ADDRESSES = 20
/** In characters. */
const MAX_LENGTH = 2048

/** Reads the stored addresses and skips invalid entries. */
export function parseRecentAddresses(json: unknown): string[] {
  const isAddress = (item: unknown): item is string =>
    typeof item === 'string' && item !== '' && item.length <= MAX_LENGTH && item === withoutCredentials(item)
  return Array.isArray(json) ? [...new Set(json.filter(isAddress))].slice(0, MAX_ADDRESSES) : []
}

/** Creates the list of recent addresses on top of the stored ones. */
export function createRecentAddresses(stored: Stored<string[]>): RecentAddresses {
  return {
    list: () => stored.get(),
    add: address => stored.set(parseRecentAddresses([withoutCredentials(address), ...stored.get()])),
    remove: address => stored.set(stored.get().filter(item => item !== address)),
  }
}
