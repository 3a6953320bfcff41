import { count, separated } from '../core/count.ts'
import { describeShown, type LogEntry, type LogStore } from '../core/log-store.ts'
import type { Message } from '../core/message.ts'
import { element } from './element.ts'
import { createFollower } from './follower.ts'
import { markHits } from './hits.ts'
import { createRow, type RowView } from './log-row.ts'
import { createSelection } from './log-selection.ts'
import { createLogWindow } from './log-window.ts'
import { createRowActions } from './row-actions.ts'

type LogOptions = {
  onSelect: (entry: LogEntry) => void
  onOpen: () => void
  onClick: () => void
  onSendAgain: (message: Message) => void
  onEdit: (message: Message) => void
}

/** New rows can be lower than estimated and leave room for more, so drawing repeats up to this many times. */
const MAX_PASSES = 4
const PRINTING = ['beforeprint', 'afterprint'] as const

/**
 * Shows the lines of a log; only those near the visible part are in the document. It follows the newest line unless
 * the user has scrolled up. It draws only between `show` and `hide`, and at most once per frame.
 */
export function createLog(root: ParentNode, store: LogStore, { onSendAgain, onEdit, ...selecting }: LogOptions) {
  const log = element(root, '#log', HTMLElement)
  const views = new Map<number, RowView>()
  const hold = createHold(store, changed)
  const window = createLogWindow(log, element(log, 'ol', HTMLOListElement), {
    createRow: drawRow,
    onChange: schedule,
    keepsPlace: () => !follower.isFollowing,
  })
  const follower = createFollower(log, window, store.indexOf)
  const actions = createRowActions({ onSendAgain, onEdit, onHold: isHeld => hold.set('pointer', isHeld) })
  const selection = createSelection(log, { store, actions, rowOf: window.rowOf, reveal, ...selecting })
  const notes = createNotes(root, store)
  let oldest = 0
  let newestSeen = -1
  let isShown = false
  let frame: number | undefined
  let isDrawing = false
  /** Whether the entries have changed since the last drawing. */
  let isStale = true

  // Lets the keyboard reach the log in every browser.
  log.tabIndex = 0

  function schedule() {
    if (isShown && !isDrawing) frame ??= requestAnimationFrame(draw)
  }

  function changed() {
    isStale = true
    schedule()
  }

  function draw() {
    frame = undefined
    isDrawing = true
    if (isStale) update()
    for (let pass = 0; pass < MAX_PASSES; pass++) {
      window.fit()
      follower.scroll()
      if (!window.draw()) break
    }
    follower.settle()
    if (follower.isFollowing) newestSeen = store.shown[hold.length() - 1]?.id ?? newestSeen
    markHits(log, store.pattern)
    const missed = store.shown.length - store.indexOf(newestSeen + 1)
    notes.show(!follower.isFollowing, hold.isOn, missed)
    isDrawing = false
  }

  function update() {
    isStale = false
    follower.keep()
    window.update(store.shown, hold.length(), store.removed > 0)
    forget()
  }

  /** Forgets what is known about entries that the store has removed. */
  function forget() {
    const first = store.entries[0]?.id ?? Number.POSITIVE_INFINITY
    if (first === oldest) return
    oldest = first
    window.forget(oldest)
    for (const id of views.keys()) if (id < oldest) views.delete(id)
  }

  function drawRow(entry: LogEntry): HTMLLIElement {
    const row = createRow(entry, views.get(entry.id) ?? 'folded', view => {
      views.set(entry.id, view)
      // The user wants to read an unfolded message from its beginning.
      if (view === 'unfolded') follower.pause()
      else follower.resume()
      schedule()
    })
    selection.decorate(row, entry.id)
    return row
  }

  function reveal(id: number) {
    if (!window.rowOf(id)) {
      follower.goTo({ id, within: 0 })
      draw()
    }
    window.rowOf(id)?.scrollIntoView({ block: 'nearest' })
  }

  function toEnd() {
    hold.release()
    follower.follow()
    log.focus({ preventScroll: true })
    schedule()
  }

  log.addEventListener(
    'scroll',
    () => {
      follower.scrolled()
      schedule()
    },
    { passive: true },
  )
  log.addEventListener('keydown', event => {
    if (event.defaultPrevented || (event.key !== 'Home' && event.key !== 'End')) return
    // The browser would scroll to an end that is wrong, because not all rows have been measured.
    event.preventDefault()
    if (event.key === 'End') return toEnd()
    follower.stop()
    window.scrollTo(0)
    schedule()
  })
  element(root, '#to-end', HTMLButtonElement).addEventListener('click', toEnd)
  store.onChange(changed)

  function print({ type }: Event) {
    window.setPrinting(type === 'beforeprint')
    isStale = true
    draw()
  }

  return {
    hold,

    /** Scrolls to the selected line, if it is shown: the lines around it may be of interest. */
    revealSelected() {
      const entry = selection.shown
      if (!entry) return
      follower.goTo({ id: entry.id, within: -log.clientHeight / 2 })
      schedule()
    },

    show() {
      isShown = true
      for (const type of PRINTING) addEventListener(type, print)
      window.setShown(true)
      changed()
    },

    hide() {
      follower.keep()
      isShown = false
      for (const type of PRINTING) removeEventListener(type, print)
      if (frame !== undefined) cancelAnimationFrame(frame)
      frame = undefined
      window.setShown(false)
    },
  }
}

type HoldReason = 'pause' | 'pointer'

/** Keeps new entries out of sight for as long as there is a reason. */
function createHold(store: LogStore, onChange: () => void) {
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

/** Controls the texts around the rows: that none matches, that some were removed, and the button to the newest one. */
function createNotes(root: ParentNode, store: LogStore) {
  const hint = element(root, '#log-hint', HTMLElement)
  const noMatch = element(root, '#no-match', HTMLElement)
  const removedNote = element(root, '#removed', HTMLElement)
  const toEnd = element(root, '#to-end', HTMLButtonElement)
  const found = element(root, '#found', HTMLElement)

  return {
    show(isAway: boolean, isPaused: boolean, missed: number) {
      const { entries, shown, removed } = store
      noMatch.hidden = shown.length > 0 || entries.length === 0
      // A log with more entries than this needs no hint.
      hint.hidden = entries.length > 20 || !noMatch.hidden || entries.some(({ event }) => 'message' in event)
      removedNote.hidden = removed === 0
      write(removedNote, `${count(removed, 'older line was', 'older lines were')} removed`)
      toEnd.hidden = !isAway && !isPaused
      const unseen = missed > 0 ? `${separated(missed)} new` : 'Newest'
      write(toEnd, isPaused ? `Paused · ↓ ${unseen}` : `↓ ${unseen}`)
      write(found, store.isFiltered ? describeShown(store) : '')
    },
  }
}

function write(element: HTMLElement, text: string) {
  if (element.textContent !== text) element.textContent = text
}
