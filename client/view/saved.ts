import type { Draft } from '../core/link.ts'
import type { SavedMessages } from '../core/saved-messages.ts'
import { createDisclosure } from './disclosure.ts'
import { element } from './element.ts'

/** Named messages: saved from the field, and put back into it. */
export function createSaved(
  root: ParentNode,
  messages: SavedMessages,
  { read, fill, focus }: { read: () => Draft; fill: (draft: Draft) => void; focus: () => void },
) {
  const form = element(root, '#save', HTMLFormElement)
  const name = element(root, '#save-name', HTMLInputElement)
  const list = element(root, '#saved ul', HTMLUListElement)
  const problem = element(root, '#save-problem', HTMLElement)

  // Another tab may have saved one since.
  const { close } = createDisclosure(root, '#saved-toggle', isOpen => isOpen && look())

  function look() {
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
            look()
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
    problem.textContent = isSaved ? '' : 'There is room for 100 messages: delete one before'
    if (isSaved) name.value = ''
    look()
  })
}

function button(text: string, label: string, onClick: () => void): HTMLButtonElement {
  const made = document.createElement('button')
  made.type = 'button'
  made.className = 'quiet'
  made.textContent = text
  if (label) made.ariaLabel = label
  made.addEventListener('click', onClick)
  return made
}
