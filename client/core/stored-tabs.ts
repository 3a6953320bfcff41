import { withoutCredentials } from './address.ts'
import { isFormat, type Setup } from './link.ts'
import type { Kept, Stored } from './stored.ts'

/** The settings of all tabs, and the index of the selected one. */
export type Tabs = { tabs: Setup[]; selected: number }

/** The tabs of this window, which survive a reload and a restart of the browser. */
export type StoredTabs = {
  /** Returns the tabs of this window, or those of the last one for a new window. Empty if nothing is stored. */
  get(): Tabs
  /** `leftOut` is the number of messages that are too long to be stored. */
  set(tabs: Tabs): { kept: Kept; leftOut: number }
}

const MAX_TABS = 50
/** In characters. All tabs share a few MiB of storage. */
const MAX_MESSAGE = 256 * 1024
const OPTIONAL = ['closeCode', 'closeReason', 'reconnect'] as const

/** Reads stored tabs and skips invalid ones. */
export function parseTabs(json: unknown): Tabs {
  const { tabs, selected } = (typeof json === 'object' && json !== null ? json : {}) as Record<keyof Tabs, unknown>
  const valid = Array.isArray(tabs) ? tabs.filter(isSetup).slice(0, MAX_TABS) : []
  const isIndex = typeof selected === 'number' && Number.isInteger(selected) && selected >= 0
  return { tabs: valid, selected: isIndex ? Math.min(selected, Math.max(0, valid.length - 1)) : 0 }
}

/**
 * Creates the store of the tabs. `own` belongs to this window (`sessionStorage`), so that two windows do not overwrite
 * each other's tabs; `last` is shared (`localStorage`). User names and passwords are not stored.
 */
export function createStoredTabs(own: Stored<Tabs>, last: Stored<Tabs>): StoredTabs {
  return {
    get() {
      const tabs = own.get()
      return tabs.tabs.length > 0 ? tabs : last.get()
    },

    set({ tabs, selected }) {
      const isLong = ({ message }: Setup) => message.length > MAX_MESSAGE
      const stored = tabs.map(tab => ({
        ...tab,
        url: withoutCredentials(tab.url),
        message: isLong(tab) ? '' : tab.message,
      }))
      const results = [own, last].map(store => store.set({ tabs: stored, selected }))
      return { kept: results.find(kept => kept !== 'kept') ?? 'kept', leftOut: tabs.filter(isLong).length }
    },
  }
}

function isSetup(json: unknown): json is Setup {
  if (typeof json !== 'object' || json === null) return false
  const setup = json as Record<string, unknown>
  const isOptional = (name: string) => setup[name] === undefined || typeof setup[name] === 'string'
  const isText = (name: string) => typeof setup[name] === 'string'
  return ['url', 'protocols', 'message'].every(isText) && isFormat(setup.format) && OPTIONAL.every(isOptional)
}
