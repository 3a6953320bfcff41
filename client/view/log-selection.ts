import type { LogEntry, LogStore } from '../core/log-store.ts'
import type { createRowActions } from './row-actions.ts'

type SelectionOptions = {
  store: LogStore
  actions: ReturnType<typeof createRowActions>
  rowOf: (id: number) => HTMLLIElement | undefined
  /** Scrolls to the row of an entry and draws it. */
  reveal: (id: number) => void
  onSelect: (entry: LogEntry) => void
  /** Called by Enter and by a double click. */
  onOpen: () => void
  /** Called by a click that selects no text. */
  onClick: () => void
}

/**
 * Selects rows by mouse and by keyboard. The log is one stop of the Tab key: the up and down arrows move between its
 * rows, the right and left ones between the buttons of a row.
 */
export function createSelection(log: HTMLElement, options: SelectionOptions) {
  const { store, actions, rowOf, reveal, onSelect, onOpen, onClick } = options
  let selected: number | undefined

  const rowAt = (target: EventTarget | null) => (target as Element).closest<HTMLLIElement>('#log li')
  const entryOf = (row: HTMLLIElement | null): LogEntry | undefined => {
    const id = Number(row?.dataset.id ?? Number.NaN)
    const entry = store.shown[store.indexOf(id)]
    return entry?.id === id ? entry : undefined
  }

  function select(entry: LogEntry) {
    if (selected !== undefined) rowOf(selected)?.removeAttribute('aria-current')
    selected = entry.id
    decorate(rowOf(selected), selected)
    onSelect(entry)
  }

  function decorate(row: HTMLLIElement | undefined, id: number) {
    if (row && id === selected) row.setAttribute('aria-current', 'true')
  }

  function step(by: number) {
    const last = store.shown.length - 1
    const at = selected === undefined ? last : Math.min(last, Math.max(0, store.indexOf(selected) + by))
    const entry = store.shown[at]
    if (!entry) return
    select(entry)
    reveal(entry.id)
    rowOf(entry.id)?.focus({ preventScroll: true })
  }

  log.addEventListener('click', ({ target }) => {
    const entry = (target as Element).closest('button') ? undefined : entryOf(rowAt(target))
    if (!entry) return
    select(entry)
    if (getSelection()?.isCollapsed) onClick()
  })
  log.addEventListener('dblclick', ({ target }) => {
    if (rowAt(target) && !(target as Element).closest('button')) onOpen()
  })
  for (const type of ['pointerover', 'focusin'] as const) {
    log.addEventListener(type, ({ target }) => {
      const row = rowAt(target)
      const entry = entryOf(row)
      if (row && entry) actions.moveTo(row, entry)
    })
  }
  // With a row in focus, Shift+Tab must leave the log, not stop at the log itself.
  log.addEventListener('focusin', ({ target }) => {
    log.tabIndex = target === log ? 0 : -1
  })
  log.addEventListener('focusout', () => {
    log.tabIndex = 0
  })
  log.addEventListener('keydown', event => {
    const { key, target } = event
    const row = rowAt(target)
    if (key === 'ArrowDown' || key === 'ArrowUp') step(key === 'ArrowDown' ? 1 : -1)
    else if (key === 'ArrowRight' || key === 'ArrowLeft') {
      const isRight = key === 'ArrowRight'
      ;(actions.next(target, isRight ? 1 : -1) ?? row)?.focus({ preventScroll: true })
    } else if (row && (key === 'Home' || key === 'End'))
      step(key === 'End' ? Number.POSITIVE_INFINITY : Number.NEGATIVE_INFINITY)
    else if (key === 'Enter' && target === row) onOpen()
    else return
    event.preventDefault()
  })

  return {
    /** Shows whether a new row is the selected one. */
    decorate,

    /** The selected entry, if its line is shown. */
    get shown(): LogEntry | undefined {
      const entry = selected === undefined ? undefined : store.shown[store.indexOf(selected)]
      return entry?.id === selected ? entry : undefined
    },
  }
}
