import { element } from './element.ts'
import type { State } from './status.ts'
import { tabAfter } from './tab-keys.ts'

export type Tabs<T extends Panel> = ReturnType<typeof createTabs<T>>

/** The content of a tab. Only the selected tab's panel is in the document. */
export type Panel = {
  readonly root: HTMLElement
  readonly name: string
  readonly state: State
  /** Messages that have arrived since the panel was last visible. */
  readonly unread: number
  show(): void
  hide(): void
  /** Closes the connection. */
  end(): void
}

type TabsOptions<T> = {
  open: (root: HTMLElement) => T
  onSelect: () => void
  /** Called when a tab has been closed. `undo` opens it again. */
  onClose: (panel: T, undo: () => void) => void
}

/**
 * Creates one tab for each panel (ARIA Authoring Practices, tabs).
 * All panels use the same ids, which is valid because only one panel is in the document.
 */
export function createTabs<T extends Panel>(first: HTMLElement, { open, onSelect, onClose }: TabsOptions<T>) {
  const list = createList()
  const pristine = first.cloneNode(true) as HTMLElement
  const panels: T[] = []
  // Weak, because a tab that was closed may be opened again only for some seconds.
  const tabs = new WeakMap<T, HTMLButtonElement>()
  let selected: T
  let count = 0

  const tabOf = (panel: T | undefined) => panel && tabs.get(panel)

  function add(panel: T, at = panels.length): T {
    const tab = tabOf(panel) ?? openTab(panel)
    tabs.set(panel, tab)
    list.insertBefore(tab, list.children[at] ?? null)
    panels.splice(at, 0, panel)
    return panel
  }

  function openTab(panel: T): HTMLButtonElement {
    const tab = createTab(`tab-${++count}`, panel.root)
    tab.addEventListener('click', ({ target }) =>
      (target as Element).closest('.close') ? close(panel) : select(panel),
    )
    tab.addEventListener('auxclick', event => event.button === 1 && close(panel))
    return tab
  }

  function select(panel: T, hasFocus = false) {
    if (selected !== panel) {
      selected.hide()
      selected.root.replaceWith(panel.root)
      selected = panel
      panel.show()
    }
    show()
    tabOf(panel)?.scrollIntoView({ block: 'nearest', inline: 'nearest' })
    if (hasFocus) tabOf(panel)?.focus()
    onSelect()
  }

  function show() {
    list.dataset.count = String(panels.length)
    const names = panels.map(({ name }) => name)
    for (const [i, panel] of panels.entries()) {
      const tab = tabOf(panel)
      if (!tab) continue
      const before = names.slice(0, i).filter(name => name === panel.name).length
      showPanel(tab, panel, before > 0 ? `${panel.name} (${before + 1})` : panel.name, panel === selected)
    }
  }

  function close(panel: T) {
    const at = panels.indexOf(panel)
    const next = panels[at + 1] ?? panels[at - 1]
    if (!next) return
    const hadFocus = list.contains(document.activeElement)
    panels.splice(at, 1)
    tabOf(panel)?.remove()
    select(panel === selected ? next : selected, hadFocus)
    onClose(panel, () => select(add(panel, at)))
  }

  list.addEventListener('keydown', event => {
    if (event.key === 'Delete') close(selected)
    const to = tabAfter(event.key, panels.indexOf(selected), panels.length)
    const panel = to === undefined ? undefined : panels[to]
    if (!panel) return
    event.preventDefault()
    select(panel, true)
  })
  const create = () => add(open(pristine.cloneNode(true) as HTMLElement))
  element(document, '#new-tab', HTMLButtonElement).addEventListener('click', () => select(create()))

  selected = add(open(first))
  show()

  return {
    selected: () => selected,
    all: (): readonly T[] => panels,
    /** Opens another tab without selecting it. */
    create,
    select,
    close,
    /** Updates the names and states of all tabs. */
    show,
  }
}

/** Finds the list of tabs, and makes the wheel scroll it. */
function createList(): HTMLElement {
  const list = element(document, '#tabs [role=tablist]', HTMLElement)
  list.addEventListener('wheel', event => list.scrollBy({ left: event.deltaY + event.deltaX }), { passive: true })
  // The middle button, which closes a tab, would start scrolling.
  list.addEventListener('mousedown', event => event.button === 1 && event.preventDefault())
  return list
}

function createTab(id: string, root: HTMLElement): HTMLButtonElement {
  const tab = document.createElement('button')
  tab.type = 'button'
  tab.role = 'tab'
  tab.id = id
  tab.setAttribute('aria-controls', 'panel')
  tab.setAttribute('aria-keyshortcuts', 'Delete')
  root.setAttribute('aria-labelledby', id)
  root.role = 'tabpanel'
  tab.append(part('name'), part('unread'), createCloser())
  return tab
}

function part(className: string): HTMLElement {
  const span = document.createElement('span')
  span.className = className
  return span
}

/** Only a mouse needs it: the Delete key closes a tab, whose role permits no button inside. */
function createCloser(): HTMLElement {
  const closer = part('close')
  closer.ariaHidden = 'true'
  closer.title = 'Close (Delete)'
  return closer
}

/** Shows the state of a panel on its tab. */
function showPanel(tab: HTMLElement, { state, unread }: Panel, name: string, isSelected: boolean) {
  tab.ariaSelected = String(isSelected)
  tab.tabIndex = isSelected ? 0 : -1
  tab.dataset.state = state
  write(tab, '.name', name)
  write(tab, '.unread', unread > 0 ? unread.toLocaleString('en') : '')
  tab.title = `${name}: ${state}`
}

function write(tab: HTMLElement, selector: string, text: string) {
  const written = element(tab, selector, HTMLElement)
  if (written.textContent !== text) written.textContent = text
}
