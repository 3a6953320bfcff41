import { createFilter, type LogKind } from './log-filter.ts'
import type { LogEntry } from './log-store.ts'
import type { SearchPattern } from './search-pattern.ts'

/** The entries of a log that pass a filter. Call a method at each change of the log. */
export type Shown = {
  /** Without a filter, this is the array of all entries. */
  readonly entries: LogEntry[]
  /** Finds every hit of the search in a text; `undefined` without a search, or if hits are hidden. */
  readonly pattern: RegExp | undefined
  /** Whether some entries have not been tested yet. */
  readonly isSearching: boolean
  /** Why the search was stopped, in one sentence, or an empty string. */
  readonly problem: string
  filter(entries: LogEntry[], kind: LogKind, search: SearchPattern | undefined): void
  /** An entry was added at the end of this array. */
  added(entries: LogEntry[]): void
  /** The oldest `count` entries were removed, which left this new array. */
  removed(entries: LogEntry[], count: number): void
  /** The entry with this id was removed from this index, which left this new array. */
  without(entries: LogEntry[], index: number, id: number): void
  /** The entries were replaced by these. */
  replaced(entries: LogEntry[]): void
}

export type ShownOptions = {
  /** Called when more entries have been tested. */
  onProgress: () => void
  /** Returns the current time in ms. */
  now: () => number
  /** Calls `task` after the browser has had time to draw and to handle input. */
  schedule: (task: () => void) => void
}

/** ms of testing before it yields: half a frame at 60 Hz. */
const SLICE = 8
/** Entries that a slice tests in any case, so that a short log needs only one. */
const LEAST = 16
/** ms that a regular expression may take: for one entry, and for all entries together. */
const LONGEST_TEST = 250
const LONGEST_SEARCH = 5000
const TOO_SLOW = 'This search took too long and was stopped. Try a simpler one.'

/** Creates the shown entries of a log without a filter. A long log is tested in slices, so that the page stays usable. */
export function createShown({ onProgress, now, schedule }: ShownOptions): Shown {
  let all: LogEntry[] = []
  let shown = all
  let test = createTest('all', undefined)
  let tested = 0
  let spent = 0
  let problem = ''
  let isScheduled = false

  function restart(entries: LogEntry[]) {
    all = entries
    shown = test.passes ? [] : all
    tested = 0
    spent = 0
    search()
  }

  /** Tests entries for one slice, and goes on later if some are left. */
  function search() {
    const { passes, mayBeSlow } = test
    const startedAt = now()
    const first = tested
    let time = startedAt
    for (let entry = all[tested]; passes && entry; entry = all[tested]) {
      if (time - startedAt >= SLICE && tested - first >= LEAST) break
      try {
        if (passes(entry.event)) shown.push(entry)
      } catch {
        // Firefox throws an error when an expression needs too much memory.
        return giveUp()
      }
      tested++
      const before = time
      time = now()
      if (mayBeSlow && (time - before > LONGEST_TEST || spent + time - startedAt > LONGEST_SEARCH)) return giveUp()
    }
    spent += time - startedAt
    if (!passes || tested === all.length || isScheduled) return
    isScheduled = true
    schedule(() => {
      isScheduled = false
      search()
      onProgress()
    })
  }

  function giveUp() {
    test = createTest(test.kind, undefined)
    restart(all)
    problem = TOO_SLOW
  }

  return {
    get entries() {
      return shown
    },
    get pattern() {
      return test.pattern
    },
    get isSearching() {
      return test.passes !== undefined && tested < all.length
    },
    get problem() {
      return problem
    },

    filter(entries, kind, search) {
      test = createTest(kind, search)
      problem = ''
      restart(entries)
    },

    added(entries) {
      all = entries
      if (!test.passes) return
      // What has been spent on earlier entries must not stop a filter that keeps up with new ones.
      if (tested === all.length - 1) spent = 0
      if (!isScheduled) search()
    },

    removed(entries, count) {
      const oldest = entries[0]?.id ?? Number.POSITIVE_INFINITY
      all = entries
      tested = Math.max(0, tested - count)
      shown = test.passes ? shown.slice(indexIn(shown, oldest)) : all
    },

    without(entries, index, id) {
      all = entries
      if (index < tested) tested--
      shown = test.passes ? shown.filter(entry => entry.id !== id) : all
    },

    replaced: restart,
  }
}

/** Returns how to test entries, and how to find the hits in those that pass. */
function createTest(kind: LogKind, search: SearchPattern | undefined) {
  return {
    kind,
    /** `undefined` if all entries pass. */
    passes: createFilter(kind, search),
    /** Finds every hit of the search in a text; `undefined` without a search, or if hits are hidden. */
    pattern: search && !search.isExcluded ? new RegExp(search.pattern, `${search.pattern.flags}g`) : undefined,
    /** Whether the search is a regular expression, whose time has no limit. */
    mayBeSlow: search !== undefined && search.text === undefined,
  }
}

/** Returns the index of the entry with an id, or of the next entry after it. */
export function indexIn(entries: readonly LogEntry[], id: number): number {
  let low = 0
  let high = entries.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((entries[middle]?.id ?? id) < id) low = middle + 1
    else high = middle
  }
  return low
}
