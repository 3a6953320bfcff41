import { element } from './element.ts'

/** Makes a button show and hide the element named by its `aria-controls`. */
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
