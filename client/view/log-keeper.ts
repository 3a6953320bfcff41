import { writeLogs } from '../core/keep-log.ts'
import type { LogStore } from '../core/log-store.ts'

type Tab = { readonly log: LogStore }
type Place = { storage: Storage; key: string }

/** In characters. The second is for storage that is nearly full. */
const ROOMS = [2 * 1024 * 1024, 256 * 1024]

/** Restores the logs of these tabs from before a reload, and keeps those of all tabs whenever the page is left. */
export async function createLogKeeper(
  { storage, key }: Place,
  restored: readonly Tab[],
  { all, selected }: { all: () => readonly Tab[]; selected: () => Tab },
): Promise<void> {
  const json = storage.getItem(key)
  if (json !== null) {
    const { parseLogs, restoreLog } = await import('../core/restore-log.ts')
    for (const [i, kept] of parseLogs(json).entries()) {
      const tab = restored[i]
      if (kept && tab) restoreLog(tab.log, kept)
    }
    // Drafts need the room more than lines that are in the log again.
    storage.removeItem(key)
  }
  // Not earlier: until they are restored, the stored logs must not be replaced.
  addEventListener('pagehide', () => {
    const logs = all().map(({ log }) => log)
    for (const room of ROOMS) if (store({ storage, key }, writeLogs(logs, all().indexOf(selected()), room))) return
  })
}

function store({ storage, key }: Place, json: string): boolean {
  try {
    storage.removeItem(key)
    if (json) storage.setItem(key, json)
    return true
  } catch {
    return false
  }
}
