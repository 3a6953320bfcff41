import type { LogStore } from '../core/log-store.ts'

export type Hold = ReturnType<typeof createHold>

type HoldReason = 'pause' | 'pointer'

/** Keeps new entries out of sight for as long as there is a reason. */
export function createHold(store: LogStore, onChange: () => void) {
  const reasons = new Set<HoldReason>()
  let newest = -1
  let onRelease = () => {}

  return {
    get isOn() {
      return reasons.has('pause')
    },

    /** The number of entries to show. */
    length: () => (reasons.size > 0 ? store.indexOf(newest + 1) : store.shown.length),

    set(reason: HoldReason, isOn: boolean) {
      if (reasons.size === 0) newest = store.entries.at(-1)?.id ?? -1
      if (isOn) reasons.add(reason)
      else reasons.delete(reason)
      onChange()
    },

    release() {
      reasons.clear()
      onRelease()
    },

    onRelease(listener: () => void) {
      onRelease = listener
    },
  }
}
