import type { Draft } from '../core/link.ts'
import type { SavedMessage, SavedMessages } from '../core/saved-messages.ts'
import { describeKept } from '../core/stored.ts'
import { element } from './element.ts'
import type { Notice } from './notice.ts'

type SavedOptions = { read: () => Draft; fill: (draft: Draft) => void; focus: () => void; notice: Notice }

/** Controls the list of saved messages and the form that saves one. */
export function createSaved(root: ParentNode, messages: SavedMessages, { read, fill, focus, notice }: SavedOptions) {
  const menu = element(root, '#saved', HTMLElement)
  const form = element(root, '#save', HTMLFormElement)
  const name = element(root, '#save-name', HTMLInputElement)
  const list = element(root, '#saved ul', HTMLUListElement)
  const problem = element(root, '#save-problem', HTMLElement)

  function refresh() {
    list.replaceChildren(
      ...messages.list().map(saved => {
        const item = document.createElement('li')
        item.append(
          button(saved.name, '', () => {
            menu.hidePopover()
            fill({ format: saved.format, message: saved.text })
            focus()
          }),
          button('×', `Delete ${saved.name}`, () => {
            messages.remove(saved.name)
            refresh()
            name.focus()
            notice(`“${saved.name}” deleted.`, () => restore(saved))
          }),
        )
        return item
      }),
    )
  }

  function restore(saved: SavedMessage) {
    messages.save(saved)
    refresh()
  }

  function showProblem(text: string) {
    problem.textContent = text
    name.ariaInvalid = String(text !== '')
  }

  // Another tab may have changed the list.
  menu.addEventListener('beforetoggle', () => {
    refresh()
    showProblem('')
  })
  name.addEventListener('input', () => showProblem(''))
  form.addEventListener('submit', event => {
    event.preventDefault()
    const wanted = name.value.trim()
    if (wanted === '') return showProblem('Type a name.')
    const { format, message } = read()
    const old = messages.list().find(saved => saved.name === wanted)
    const isSaved = messages.save({ name: wanted, format, text: message })
    showProblem(isSaved ? describeKept(messages.kept) : '100 messages are saved, which is the limit. Delete one first.')
    if (!isSaved) return
    refresh()
    name.value = ''
    if (old) notice(`“${wanted}” replaced.`, () => restore(old))
    else notice(`“${wanted}” saved.`)
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
