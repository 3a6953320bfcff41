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

/** Where a reader is: so many pixels into the row of an entry. */
type Place = { id: number; within: number }

/** What the style sheet makes of it, in pixels: only rows that weren't in view yet are taken to be as high as this. */
const ROW = 27
const NARROW_ROW = 54
const NARROW = 552
const PADDING = 14
const SLACK = 1
const OVERSCAN = 4
/** Rows just made can turn out smaller than they were taken for, and leave room for more. */
const MOST_PASSES = 4
/** A log that holds more than this is past its beginning, and needs no hint. */
const BEGINNING = 20

/**
 * The lines of a log, of which only those near the view are in the document. It follows the newest one unless somebody
 * has scrolled up to read. Nothing is drawn before `show` and after `hide`, and at most once in a frame.
 */
export function createLog(root: ParentNode, store: LogStore) {
  const log = element(root, '#log', HTMLElement)
  const lines = element(log, 'ol', HTMLOListElement)
  const hint = element(log, '#log-hint', HTMLElement)
  const noMatch = element(log, '#no-match', HTMLElement)
  const letGo = element(log, '#released', HTMLElement)
  const toEnd = element(root, '#to-end', HTMLButtonElement)

  const rows = new Map<number, HTMLLIElement>()
  const views = new Map<number, RowView>()
  let shown = store.shown
  let oldest = 0
  let newestSeen = -1
  let width = 0
  let isShown = false
  let isFollowing = true
  /** Where this log last scrolled to while it followed. */
  let end = 0
  /** Where to be after the next drawing; `undefined` leaves it to the browser. */
  let place: Place | undefined
  let frame: number | undefined
  let isDrawing = false
  /** Whether the store changed since the last drawing. */
  let isStale = true

  // So that the arrow keys can scroll it in every browser.
  log.tabIndex = 0

  const virtualizer = new Virtualizer<HTMLElement, HTMLLIElement>(options())
  virtualizer.shouldAdjustScrollPositionOnItemSizeChange = ({ end }) =>
    !isFollowing && end <= (virtualizer.scrollOffset ?? 0)

  function options(): Options {
    return {
      count: shown.length,
      getScrollElement: () => (isShown ? log : null),
      // Made anew each time, which tells that the keys may have changed although their number didn't.
      getItemKey: index => shown[index]?.id ?? index,
      estimateSize: () => (width < NARROW ? NARROW_ROW : ROW),
      paddingStart: store.released > 0 ? PADDING + ROW : PADDING,
      paddingEnd: PADDING,
      overscan: OVERSCAN,
      scrollToFn: elementScroll,
      observeElementOffset,
      observeElementRect(instance, onRect) {
        return observeElementRect(instance, rect => {
          // Lines break elsewhere now.
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
    for (let pass = 0; pass < MOST_PASSES; pass++) {
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

  /** Takes over what the store holds now. */
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

  /** Puts the rows into the document that the view needs, and tells whether any is not as high as it was taken for. */
  function drawRows(): boolean {
    const items = virtualizer.getVirtualItems()
    const wanted = new Set(items.map(({ key }) => key))
    for (const [id, row] of rows) {
      if (wanted.has(id)) continue
      // Else whoever is there by keyboard would start over at the top of the page.
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

    // After all that was written, so that the browser lays out once.
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
      // What unfolds is there to be read from its beginning.
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
    // As the rows were laid out, whatever the store holds now.
    const offset = virtualizer.scrollOffset ?? 0
    const item = virtualizer.getVirtualItemForOffset(offset)
    return item && { id: Number(item.key), within: offset - item.start }
  }

  function startOf({ id }: Place): number {
    return virtualizer.measurementsCache[store.indexOf(id)]?.start ?? 0
  }

  function showState() {
    const isEmpty = store.entries.length <= BEGINNING && !store.entries.some(({ event }) => 'message' in event)
    noMatch.hidden = shown.length > 0 || store.entries.length === 0
    hint.hidden = !isEmpty || !noMatch.hidden
    letGo.hidden = store.released === 0
    write(
      letGo,
      `${store.released.toLocaleString('en')} older ${store.released === 1 ? 'line was' : 'lines were'} let go`,
    )
    toEnd.hidden = isFollowing
    const missed = shown.length - store.indexOf(newestSeen + 1)
    write(toEnd, missed > 0 ? `↓ ${missed.toLocaleString('en')} new` : '↓ Newest')
  }

  log.addEventListener(
    'scroll',
    () => {
      // Who is above the end that was last scrolled to has scrolled up; being above the present one can be a resize.
      isFollowing = isAtEnd() || (isFollowing && log.scrollTop >= end - SLACK)
      schedule()
    },
    { passive: true },
  )

  log.addEventListener('keydown', event => {
    if (event.target !== log || (event.key !== 'Home' && event.key !== 'End')) return
    // The browser would head for where the end was before the rows on the way there were measured.
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
      // Lets go of the element, and with it of all that is observed.
      virtualizer._willUpdate()
    },
  }
}

function write(element: HTMLElement, text: string) {
  if (element.textContent !== text) element.textContent = text
}
