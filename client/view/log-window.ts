import {
  elementScroll,
  observeElementOffset,
  observeElementRect,
  type VirtualItem,
  Virtualizer,
  type VirtualizerOptions,
} from '@tanstack/virtual-core'
import type { LogEntry } from '../core/log-store.ts'

type Options = VirtualizerOptions<HTMLElement, HTMLLIElement>

/** A scroll position: a number of pixels into the row of an entry. */
export type Place = { id: number; within: number }

/** Sizes in pixels, as the style sheet sets them. The height is an estimate for rows that have not been drawn yet. */
const ROW = 28
const PADDING = 6
const OVERSCAN = 4
/** Rows before and after the visible ones that are printed. */
const PRINTED = 1000

type DrawnRow = { id: number; index: number; row: HTMLLIElement }

type WindowOptions = {
  createRow: (entry: LogEntry) => HTMLLIElement
  /** Called when the visible part has another size or position. */
  onChange: () => void
  /** Whether rows above the visible part may grow without moving it. */
  keepsPlace: () => boolean
}

/** Keeps the rows near the visible part of a scrolling list in the document, and no others. */
export function createLogWindow(
  log: HTMLElement,
  lines: HTMLElement,
  { createRow, onChange, keepsPlace }: WindowOptions,
) {
  const rows = createRows(log, lines, createRow)
  let shown: readonly LogEntry[] = []
  let count = 0
  let top = PADDING
  let width = 0
  let isShown = false
  let overscan = OVERSCAN

  const virtualizer = new Virtualizer<HTMLElement, HTMLLIElement>(options())
  virtualizer.shouldAdjustScrollPositionOnItemSizeChange = ({ end }) =>
    keepsPlace() && end <= (virtualizer.scrollOffset ?? 0)

  function options(): Options {
    return {
      count,
      getScrollElement: () => (isShown ? log : null),
      // A new function each time tells the virtualizer that keys may have changed even if their number has not.
      getItemKey: index => shown[index]?.id ?? index,
      estimateSize: () => ROW,
      paddingStart: top,
      paddingEnd: PADDING,
      overscan,
      scrollToFn: elementScroll,
      observeElementOffset,
      observeElementRect(instance, onRect) {
        return observeElementRect(instance, rect => {
          // Another width breaks lines elsewhere.
          if (rect.width !== width) instance.measure()
          width = rect.width
          onRect(rect)
          onChange()
        })
      },
      onChange,
    }
  }

  return {
    /** Takes over the first `length` of these entries. */
    update(entries: readonly LogEntry[], length: number, hasNote: boolean) {
      shown = entries
      count = length
      top = hasNote ? PADDING + ROW : PADDING
      virtualizer.setOptions(options())
      virtualizer._willUpdate()
    },

    setPrinting(isPrinting: boolean) {
      overscan = isPrinting ? PRINTED : OVERSCAN
    },

    /** Forgets the heights of removed entries. */
    forget(oldest: number) {
      for (const id of virtualizer.itemSizeCache.keys()) if (Number(id) < oldest) virtualizer.itemSizeCache.delete(id)
    },

    fit() {
      lines.style.blockSize = `${virtualizer.getTotalSize()}px`
    },

    /** Puts the rows of the visible part into the document. Returns whether the height of any differed from its estimate. */
    draw(): boolean {
      const items = virtualizer.getVirtualItems()
      const drawn = rows.draw(shown, items, count)
      lines.style.paddingBlockStart = `${items[0]?.start ?? 0}px`

      return measure(virtualizer, drawn)
    },

    scrollTo(to: number) {
      log.scrollTop = to
      virtualizer.scrollOffset = log.scrollTop
    },

    /** The position in the rows as drawn, which may differ from the current entries. */
    place(): Place | undefined {
      const offset = virtualizer.scrollOffset ?? 0
      const item = virtualizer.getVirtualItemForOffset(offset)
      return item && { id: Number(item.key), within: offset - item.start }
    },

    startOf: (index: number): number => virtualizer.measurementsCache[index]?.start ?? 0,
    rowOf: rows.get,

    setShown(next: boolean) {
      isShown = next
      // Without a scroll element, the virtualizer stops observing.
      virtualizer._willUpdate()
    },
  }
}

/** Returns whether the height of any of these rows differs from the known one. */
function measure(virtualizer: Virtualizer<HTMLElement, HTMLLIElement>, drawn: DrawnRow[]): boolean {
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

/** Creates the rows that are in the document, and removes those that are not wanted any more. */
function createRows(log: HTMLElement, lines: HTMLElement, createRow: WindowOptions['createRow']) {
  const rows = new Map<number, HTMLLIElement>()

  function remove(wanted: ReadonlySet<unknown>) {
    for (const [id, row] of rows) {
      if (wanted.has(id)) continue
      // Otherwise a keyboard user in this row would land at the top of the page.
      if (row.contains(document.activeElement)) log.focus({ preventScroll: true })
      row.remove()
      rows.delete(id)
    }
  }

  function add(entry: LogEntry, next: Element | null): HTMLLIElement {
    const row = createRow(entry)
    rows.set(entry.id, row)
    lines.insertBefore(row, next)
    return row
  }

  return {
    get: (id: number): HTMLLIElement | undefined => rows.get(id),

    /** Draws the entries of these items. `count` is the number of all rows. */
    draw(entries: readonly LogEntry[], items: VirtualItem[], count: number): DrawnRow[] {
      remove(new Set(items.map(({ key }) => key)))
      let next = lines.firstElementChild
      return items.flatMap(({ index }) => {
        const entry = entries[index]
        if (!entry) return []
        const row = rows.get(entry.id) ?? add(entry, next)
        row.ariaPosInSet = String(index + 1)
        row.ariaSetSize = String(count)
        next = row.nextElementSibling
        return { id: entry.id, index, row }
      })
    },
  }
}
