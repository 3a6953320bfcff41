import type { Stored } from '../core/stored.ts'
import { element } from './element.ts'
import { tabAfter } from './tab-keys.ts'

const PARTS = ['message', 'connection', 'faults', 'chart'] as const

/** A tab of the side panel. */
export type Part = (typeof PARTS)[number]

export type SideState = { isOpen: boolean; part: Part }

/** Reads the stored state of the side panel. */
export function parseSide(json: unknown): SideState {
  const { isOpen, part } = (json ?? {}) as Partial<Record<keyof SideState, unknown>>
  return { isOpen: isOpen === true, part: PARTS.find(known => known === part) ?? 'message' }
}

/** In a narrow window, the panel is a sheet over the log, which is closed at first and whenever the focus leaves it. */
const narrow = matchMedia('(width < 900px)')

/**
 * Controls the side panel, which shows one of its tabs. All connections share its stored state.
 * @param onPart called with the visible tab, or with `undefined` when none is visible
 */
export function createSide(root: ParentNode, stored: Stored<SideState>, onPart: (part: Part | undefined) => void) {
  const side = element(root, '#side', HTMLElement)
  const toggle = element(root, '#side-toggle', HTMLButtonElement)
  const tabs = PARTS.map(part => element(root, `#${part}-tab`, HTMLButtonElement))
  const views = PARTS.map(part => element(root, `#${part}-view`, HTMLElement))
  let isSheetOpen = false

  const isOpen = () => (narrow.matches ? isSheetOpen : stored.get().isOpen)

  function show() {
    const { part } = stored.get()
    side.hidden = !isOpen()
    toggle.ariaExpanded = String(isOpen())
    for (const [i, tab] of tabs.entries()) {
      const isSelected = PARTS[i] === part
      tab.ariaSelected = String(isSelected)
      tab.tabIndex = isSelected ? 0 : -1
      const view = views[i]
      if (view) view.hidden = !isSelected
    }
    onPart(isOpen() ? part : undefined)
  }

  function set(next: boolean, part = stored.get().part) {
    const hadFocus = side.contains(document.activeElement)
    isSheetOpen = next && narrow.matches
    stored.set({ part, isOpen: narrow.matches ? stored.get().isOpen : next })
    show()
    if (!next && hadFocus) toggle.focus()
    if (next && narrow.matches) tabs[PARTS.indexOf(part)]?.focus()
  }

  toggle.addEventListener('click', () => set(!isOpen()))
  element(root, '#side-close', HTMLButtonElement).addEventListener('click', () => set(false))
  for (const [i, tab] of tabs.entries()) tab.addEventListener('click', () => set(true, PARTS[i]))
  side.addEventListener('keydown', event => {
    if (event.key === 'Escape') set(false)
    const at = tabs.indexOf(event.target as HTMLButtonElement)
    const to = at < 0 ? undefined : tabAfter(event.key, at, tabs.length)
    if (to === undefined) return
    event.preventDefault()
    set(true, PARTS[to])
    tabs[to]?.focus()
  })
  root.addEventListener('pointerdown', ({ target }) => {
    if (narrow.matches && isSheetOpen && !side.contains(target as Node) && !toggle.contains(target as Node)) set(false)
  })
  return {
    get isOpen() {
      return isOpen()
    },
    open: (part: Part) => set(true, part),

    show() {
      narrow.addEventListener('change', show)
      show()
    },

    /** Stops the updates of the visible tab. */
    hide() {
      narrow.removeEventListener('change', show)
      onPart(undefined)
    },
  }
}
