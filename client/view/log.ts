import {
  elementScroll,
  observeElementOffset,
  observeElementRect,
  Virtualizer,
  type VirtualizerOptions,
} from '@tanstack/virtual-core'
import type { LogEntry, LogStore } from '../core/log-store.ts'
import { element } from './element.ts'
import { createRow, type RowView } from './log-row.ts'
import { createLogToolbar } from './log-toolbar.ts'

type Options = VirtualizerOptions<HTMLElement, HTMLLIElement>

/** A scroll position: a number of pixels into the row of an entry. */
type Place = { id: number; within: number }

/** Sizes in pixels, as the style sheet sets them. The height is an estimate for rows that have not been drawn yet. */
const ROW = 27
const NARROW_ROW = 54
const NARROW = 552
const PADDING = 14
const SLACK = 1
const OVERSCAN = 4
/** New rows can be lower than estimated and leave room for more, so drawing repeats up to this many times. */
const MAX_PASSES = 4
/** A log with more entries than this needs no hint. */
const HINT_LIMIT = 20

/**
 * Shows the lines of a log; only those near the visible part are in the document. It follows the newest line unless
 * the user has scrolled up. It draws only between `show` and `hide`, and at most once per frame.
 */
export function createLog(root: ParentNode, store: LogStore) {
  const log = element(root, '#log', HTMLElement)
  const lines = element(log, 'ol', HTMLOListElement)
  const hint = element(log, '#log-hint', HTMLElement)
  const noMatch = element(log, '#no-match', HTMLElement)
  const removedNote = element(log, '#removed', HTMLElement)
  const toEnd = element(root, '#to-end', HTMLButtonElement)

  const rows = new Map<number, HTMLLIElement>()
  const views = new Map<number, RowView>()
  let shown = store.shown
  let oldest = 0
  let newestSeen = -1
  let width = 0
  let isShown = false
  let isFollowing = true
  /** The last scroll position while following. */
  let end = 0
  /** The position to restore at the next drawing; `undefined` leaves scrolling to the browser. */
  let place: Place | undefined
  let frame: number | undefined
  let isDrawing = false
  /** Whether the store has changed since the last drawing. */
  let isStale = true

  // Lets the arrow keys scroll the log in every browser.
  log.tabIndex = 0

  const virtualizer = new Virtualizer<HTMLElement, HTMLLIElement>(options())
  virtualizer.shouldAdjustScrollPositionOnItemSizeChange = ({ end }) =>
    !isFollowing && end <= (virtualizer.scrollOffset ?? 0)

  function options(): Options {
    return {
      count: shown.length,
      getScrollElement: () => (isShown ? log : null),
      // A new function each time tells the virtualizer that keys may have changed even if their number has not.
      getItemKey: index => shown[index]?.id ?? index,
      estimateSize: () => (width < NARROW ? NARROW_ROW : ROW),
      paddingStart: store.removed > 0 ? PADDING + ROW : PADDING,
      paddingEnd: PADDING,
      overscan: OVERSCAN,
      scrollToFn: elementScroll,
      observeElementOffset,
      observeElementRect(instance, onRect) {
        return observeElementRect(instance, rect => {
          // Another width breaks lines elsewhere.
          if (rect.width !== width) instance.measure()
          width = rect.width
          onRect(rect)
          schedule()
        })
      },
      onChange: schedule,
    }
  }

  function schedule() {
    if (isShown && !isDrawing) frame ??= requestAnimationFrame(draw)
  }

  function draw() {
    frame = undefined
    isDrawing = true
    if (isStale) update()
    for (let pass = 0; pass < MAX_PASSES; pass++) {
      lines.style.blockSize = `${virtualizer.getTotalSize()}px`
      if (isFollowing) scroll(log.scrollHeight)
      else if (place) scroll(startOf(place) + place.within)
      if (!drawRows()) break
    }
    place = undefined
    isFollowing ||= isAtEnd()
    if (isFollowing) newestSeen = shown.at(-1)?.id ?? newestSeen
    showState()
    isDrawing = false
  }

  /** Takes over the current entries of the store. */
  function update() {
    if (!isFollowing) place ??= readPlace()
    isStale = false
    shown = store.shown
    virtualizer.setOptions(options())
    virtualizer._willUpdate()
    const first = store.entries[0]?.id ?? Number.POSITIVE_INFINITY
    if (first === oldest) return
    oldest = first
    for (const known of [virtualizer.itemSizeCache, views] as Map<number, unknown>[]) {
      for (const id of known.keys()) if (id < oldest) known.delete(id)
    }
  }

  /** Puts the rows of the visible part into the document. Returns whether the height of any differed from its estimate. */
  function drawRows(): boolean {
    const items = virtualizer.getVirtualItems()
    const wanted = new Set(items.map(({ key }) => key))
    for (const [id, row] of rows) {
      if (wanted.has(id)) continue
      // Otherwise a keyboard user in this row would land at the top of the page.
      if (row.contains(document.activeElement)) log.focus({ preventScroll: true })
      row.remove()
      rows.delete(id)
    }

    let next = lines.firstElementChild
    const drawn = items.flatMap(({ index }) => {
      const entry = shown[index]
      if (!entry) return []
      const row = rows.get(entry.id) ?? addRow(entry, next)
      row.ariaPosInSet = String(index + 1)
      row.ariaSetSize = String(shown.length)
      next = row.nextElementSibling
      return { id: entry.id, index, row }
    })
    lines.style.paddingBlockStart = `${items[0]?.start ?? 0}px`

    // Heights are read after all writes, so that the browser lays out only once.
    let isResized = false
    for (const { id, index, row } of drawn) {
      const height = row.offsetHeight
      if (virtualizer.itemSizeCache.get(id) === height) continue
      virtualizer.resizeItem(index, height)
      isResized = true
    }
    return isResized
  }

  function addRow(entry: LogEntry, next: Element | null): HTMLLIElement {
    const row = createRow(entry, views.get(entry.id) ?? 'folded', view => {
      views.set(entry.id, view)
      // The user wants to read an unfolded message from its beginning.
      isFollowing = false
      schedule()
    })
    rows.set(entry.id, row)
    lines.insertBefore(row, next)
    return row
  }

  function scroll(to: number) {
    log.scrollTop = to
    end = log.scrollTop
    virtualizer.scrollOffset = end
  }

  function isAtEnd(): boolean {
    return log.scrollTop >= log.scrollHeight - log.clientHeight - SLACK
  }

  function readPlace(): Place | undefined {
    // The position in the rows as drawn, which may differ from the current entries.
    const offset = virtualizer.scrollOffset ?? 0
    const item = virtualizer.getVirtualItemForOffset(offset)
    return item && { id: Number(item.key), within: offset - item.start }
  }

  function startOf({ id }: Place): number {
    return virtualizer.measurementsCache[store.indexOf(id)]?.start ?? 0
  }

  function showState() {
    const isEmpty = store.entries.length <= HINT_LIMIT && !store.entries.some(({ event }) => 'message' in event)
    noMatch.hidden = shown.length > 0 || store.entries.length === 0
    hint.hidden = !isEmpty || !noMatch.hidden
    removedNote.hidden = store.removed === 0
    write(
      removedNote,
      `${store.removed.toLocaleString('en')} older ${store.removed === 1 ? 'line was' : 'lines were'} removed`,
    )
    toEnd.hidden = isFollowing
    const missed = shown.length - store.indexOf(newestSeen + 1)
    write(toEnd, missed > 0 ? `↓ ${missed.toLocaleString('en')} new` : '↓ Newest')
  }

  log.addEventListener(
    'scroll',
    () => {
      // Above the last followed position, the user has scrolled up. Above the current end, it may be a resize.
      isFollowing = isAtEnd() || (isFollowing && log.scrollTop >= end - SLACK)
      schedule()
    },
    { passive: true },
  )

  log.addEventListener('keydown', event => {
    if (event.target !== log || (event.key !== 'Home' && event.key !== 'End')) return
    // The browser would scroll to an end that is wrong, because not all rows have been measured.
    event.preventDefault()
    isFollowing = event.key === 'End'
    if (!isFollowing) scroll(0)
    schedule()
  })

  toEnd.addEventListener('click', () => {
    isFollowing = true
    log.focus({ preventScroll: true })
    schedule()
  })

  store.onChange(() => {
    isStale = true
    schedule()
  })
  createLogToolbar(root, store)

  return {
    show() {
      isShown = true
      isStale = true
      schedule()
    },

    hide() {
      if (!isFollowing) place ??= readPlace()
      isShown = false
      if (frame !== undefined) cancelAnimationFrame(frame)
      frame = undefined
      // Without a scroll element, the virtualizer stops observing.
      virtualizer._willUpdate()
    },
  }
}

function write(element: HTMLElement, text: string) {
  if (element.textContent !== text) element.textContent = text
}
