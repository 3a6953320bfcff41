import { count, separated } from '../core/count.ts'
import { describeShown, type LogEntry, type LogStore } from '../core/log-store.ts'
import type { Message } from '../core/message.ts'
import { element } from './element.ts'
import { createFollower } from './follower.ts'
import { markHits } from './hits.ts'
import { createDrawing } from './log-drawing.ts'
import { createHold, type Hold } from './log-hold.ts'
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

/**
 * Shows the lines of a log; only those near the visible part are in the document. It follows the newest line unless
 * the user has scrolled up.
 */
export function createLog(root: ParentNode, store: LogStore, { onSendAgain, onEdit, ...selecting }: LogOptions) {
  const log = element(root, '#log', HTMLElement)
  const views = new Map<number, RowView>()
  const hold = createHold(store, () => drawing.update())
  const window = createLogWindow(log, element(log, 'ol', HTMLOListElement), {
    createRow: drawRow,
    onChange: () => drawing.request(),
    keepsPlace: () => !follower.isFollowing,
  })
  const follower = createFollower(log, window, store.indexOf)
  const drawing = createDrawing({ store, hold, window, follower, onForget, onDraw })
  const actions = createRowActions({ onSendAgain, onEdit, onHold: isHeld => hold.set('pointer', isHeld) })
  const selection = createSelection(log, { store, actions, rowOf: window.rowOf, reveal, ...selecting })
  const notes = createNotes(root, store, hold)

  // Lets the keyboard reach the log in every browser.
  log.tabIndex = 0

  function onForget(oldest: number) {
    for (const id of views.keys()) if (id < oldest) views.delete(id)
  }

  function onDraw() {
    markHits(log, store.pattern)
    notes.show(follower.isFollowing)
  }

  function drawRow(entry: LogEntry): HTMLLIElement {
    const row = createRow(entry, views.get(entry.id) ?? 'folded', view => {
      views.set(entry.id, view)
      // The user wants to read an unfolded message from its beginning.
      if (view === 'unfolded') follower.pause()
      else follower.resume()
      drawing.request()
    })
    selection.decorate(row, entry.id)
    return row
  }

  function reveal(id: number) {
    if (!window.rowOf(id)) {
      follower.goTo({ id, within: 0 })
      drawing.draw()
    }
    window.rowOf(id)?.scrollIntoView({ block: 'nearest' })
  }

  function toEnd() {
    hold.release()
    follower.follow()
    log.focus({ preventScroll: true })
    drawing.request()
  }

  function toStart() {
    follower.stop()
    window.scrollTo(0)
    drawing.request()
  }

  function onScroll() {
    follower.scrolled()
    drawing.request()
  }

  log.addEventListener('scroll', onScroll, { passive: true })
  log.addEventListener('keydown', event => {
    if (event.defaultPrevented || (event.key !== 'Home' && event.key !== 'End')) return
    // The browser would scroll to an end that is wrong, because not all rows have been measured.
    event.preventDefault()
    if (event.key === 'End') toEnd()
    else toStart()
  })
  element(root, '#to-end', HTMLButtonElement).addEventListener('click', toEnd)
  store.onChange(drawing.update)

  return {
    hold,

    /** Scrolls to the selected line, if it is shown: the lines around it may be of interest. */
    revealSelected() {
      const entry = selection.shown
      if (!entry) return
      follower.goTo({ id: entry.id, within: -log.clientHeight / 2 })
      drawing.request()
    },

    show: drawing.show,
    hide: drawing.hide,
  }
}

/** Controls the texts around the rows: that none matches, that some were removed, and the button to the newest one. */
function createNotes(root: ParentNode, store: LogStore, hold: Hold) {
  const hint = element(root, '#log-hint', HTMLElement)
  const noMatch = element(root, '#no-match', HTMLElement)
  const removedNote = element(root, '#removed', HTMLElement)
  const toEnd = element(root, '#to-end', HTMLButtonElement)
  const found = element(root, '#found', HTMLElement)
  let newestSeen = -1

  return {
    show(isFollowing: boolean) {
      if (isFollowing) newestSeen = store.shown[hold.length() - 1]?.id ?? newestSeen
      const missed = store.shown.length - store.indexOf(newestSeen + 1)
      const { entries, shown, removed } = store
      noMatch.hidden = shown.length > 0 || entries.length === 0
      // A log with more entries than this needs no hint.
      hint.hidden = entries.length > 20 || !noMatch.hidden || entries.some(({ event }) => 'message' in event)
      removedNote.hidden = removed === 0
      write(removedNote, `${count(removed, 'older line was', 'older lines were')} removed`)
      toEnd.hidden = isFollowing && !hold.isOn
      const unseen = missed > 0 ? `${separated(missed)} new` : 'Newest'
      write(toEnd, hold.isOn ? `Paused · ↓ ${unseen}` : `↓ ${unseen}`)
      write(found, store.isFiltered ? describeShown(store) : '')
    },
  }
}

function write(element: HTMLElement, text: string) {
  if (element.textContent !== text) element.textContent = text
}
