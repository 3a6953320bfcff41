import { element } from './element.ts'

/** The content of a tab. Only the selected tab's panel is in the document. */
export type Panel = {
  readonly root: HTMLElement
  readonly name: string
  readonly state: string
  show(): void
  hide(): void
  end(): void
}

/**
 * Creates one tab for each panel; the tabs are visible from the second one on (ARIA Authoring Practices, tabs).
 * All panels use the same ids, which is valid because only one panel is in the document.
 */
export function createTabs<T extends Panel>(first: HTMLElement, open: (root: HTMLElement) => T, onSelect: () => void) {
  const bar = element(document, '#tabs', HTMLElement)
  const list = element(bar, '[role=tablist]', HTMLElement)
  const opener = element(document, '#new-tab', HTMLButtonElement)
  const pristine = first.cloneNode(true) as HTMLElement
  const panels: T[] = []
  let selected: T
  let count = 0

  const tabOf = (panel: T) => list.children[panels.indexOf(panel)] as HTMLElement

  function add(root: HTMLElement): T {
    const panel = open(root)
    panels.push(panel)
    const tab = document.createElement('button')
    tab.type = 'button'
    tab.role = 'tab'
    tab.id = `tab-${++count}`
    tab.setAttribute('aria-controls', 'panel')
    tab.addEventListener('click', () => select(panel))
    list.append(tab)
    root.setAttribute('aria-labelledby', tab.id)
    return panel
  }

  function select(panel: T) {
    if (selected !== panel) {
      selected.hide()
      selected.root.replaceWith(panel.root)
      selected = panel
      panel.show()
    }
    show()
    onSelect()
  }

  function show() {
    bar.hidden = panels.length < 2
    for (const panel of panels) {
      const tab = tabOf(panel)
      const isSelected = panel === selected
      panel.root.role = panels.length < 2 ? null : 'tabpanel'
      tab.ariaSelected = String(isSelected)
      tab.tabIndex = isSelected ? 0 : -1
      if (tab.textContent !== panel.name) tab.textContent = panel.name
      tab.dataset.state = panel.state
    }
  }

  function close(panel: T) {
    const at = panels.indexOf(panel)
    const next = panels[at + 1] ?? panels[at - 1]
    if (!next) return
    tabOf(panel).remove()
    panels.splice(at, 1)
    select(next)
    panel.end()
    if (bar.hidden) opener.focus()
    else tabOf(next).focus()
  }

  list.addEventListener('keydown', event => {
    const at = panels.indexOf(selected)
    const to = { ArrowRight: at + 1, ArrowLeft: at - 1 + panels.length, Home: 0, End: panels.length - 1 }[event.key]
    if (event.key === 'Delete') close(selected)
    const panel = to === undefined ? undefined : panels[to % panels.length]
    if (!panel) return
    event.preventDefault()
    select(panel)
    tabOf(panel).focus()
  })

  opener.addEventListener('click', () => select(add(pristine.cloneNode(true) as HTMLElement)))
  element(document, '#close-tab', HTMLButtonElement).addEventListener('click', () => close(selected))

  selected = add(first)
  show()

  return {
    selected: () => selected,
    all: (): readonly T[] => panels,
    /** Updates the names and states of all tabs. */
    show,
  }
}
