import type { LogEntry } from '../core/log-store.ts'
import { element } from './element.ts'
import { addMarkup } from './markup.ts'
import type { Part } from './side.ts'
import type { SideParts, SidePartsOptions } from './side-parts.ts'

/** Loads the tabs of the side panel when one of them is opened, or when the address has parameters. */
export function createSideContent(root: ParentNode, options: SidePartsOptions) {
  const url = element(root, '#url', HTMLInputElement)
  let parts: SideParts | undefined
  let loading: Promise<void> | undefined
  let isConnected = false
  let opened: Part | undefined
  let selected: LogEntry | undefined

  async function load() {
    loading ??= Promise.all([import('./side-parts.ts'), addMarkup(root, 'side-parts.html')]).then(([module]) => {
      parts = module.createSideParts(root, options)
      parts.show(isConnected)
      parts.open(opened)
      if (selected) parts.select(selected)
    })
    try {
      await loading
    } catch {
      // The server of the page does not answer. The next time, it may.
      loading = undefined
    }
  }

  return {
    show(next: boolean) {
      isConnected = next
      if (!parts && url.value.includes('?')) void load()
      parts?.show(isConnected)
    },

    open(part: Part | undefined) {
      opened = part
      if (!parts && part) void load()
      parts?.open(part)
    },

    select(entry: LogEntry) {
      selected = entry
      parts?.select(entry)
    },

    /** Marks the faults that an answer of the server complains about. Returns whether there are any. */
    async complain(answer: string): Promise<boolean> {
      await load()
      return (await parts?.complain(answer)) ?? false
    },

    end: () => parts?.end(),
  }
}
