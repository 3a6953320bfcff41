import type { Draft } from '../core/link.ts'
import type { SavedMessages } from '../core/saved-messages.ts'
import { createDisclosure } from './disclosure.ts'
import { element } from './element.ts'

/** Controls the list of saved messages and the form that saves one. */
export function createSaved(
  root: ParentNode,
  messages: SavedMessages,
  { read, fill, focus }: { read: () => Draft; fill: (draft: Draft) => void; focus: () => void },
) {
  const form = element(root, '#save', HTMLFormElement)
  const name = element(root, '#save-name', HTMLInputElement)
  const list = element(root, '#saved ul', HTMLUListElement)
  const problem = element(root, '#save-problem', HTMLElement)

  // Another tab may have changed the list.
  const { close } = createDisclosure(root, '#saved-toggle', isOpen => isOpen && refresh())

  function refresh() {
    list.replaceChildren(
      ...messages.list().map(saved => {
        const item = document.createElement('li')
        item.append(
          button(saved.name, '', () => {
            fill({ format: saved.format, message: saved.text })
            close()
            focus()
          }),
          button('×', `Delete ${saved.name}`, () => {
            messages.remove(saved.name)
            refresh()
            name.focus()
          }),
        )
        return item
      }),
    )
  }

  form.addEventListener('submit', event => {
    event.preventDefault()
    if (name.value.trim() === '') return
    const { format, message } = read()
    const isSaved = messages.save({ name: name.value.trim(), format, text: message })
    problem.textContent = isSaved ? '' : '100 messages are saved, which is the limit. Delete one first.'
    if (isSaved) name.value = ''
    refresh()
  })
}

function button(text: string, label: string, onClick: () => void): HTMLButtonElement {
  const created = document.createElement('button')
  created.type = 'button'
  created.className = 'quiet'
  created.textContent = text
  if (label) created.ariaLabel = label
  created.addEventListener('click', onClick)
  return created
}
