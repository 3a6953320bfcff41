import { element } from './element.ts'

/** Lets a button show and hide the part of the page that its `aria-controls` names. */
export function createDisclosure(root: ParentNode, button: string, onToggle: (isOpen: boolean) => void = () => {}) {
  const toggle = element(root, button, HTMLButtonElement)
  const part = element(root, `#${toggle.getAttribute('aria-controls')}`, HTMLElement)

  function set(isOpen: boolean) {
    part.hidden = !isOpen
    toggle.ariaExpanded = String(isOpen)
    onToggle(isOpen)
  }
  toggle.addEventListener('click', () => set(part.hidden === true))

  return { part, close: () => set(false) }
}
