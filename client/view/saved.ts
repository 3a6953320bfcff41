import type { Draft } from '../core/link.ts'
import type { Change, SavedMessages } from '../core/saved-messages.ts'
import { describeKept } from '../core/stored.ts'
import { element } from './element.ts'
import type { Notice } from './notice.ts'

export type SavedOptions = { read: () => Draft; fill: (draft: Draft) => void; focus: () => void; notice: Notice }

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
            const change = messages.remove(saved.name, saved.server)
            refresh()
            name.focus()
            report(`“${saved.name}” deleted.`, change)
          }),
        )
        return item
      }),
    )
  }

  function report(words: string, { kept, undo }: Change) {
    notice(`${words} ${describeKept(kept)}`.trim(), () => {
      undo()
      refresh()
    })
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
    const { format, message } = read()
    const change = messages.put({ name: wanted, format, text: message })
    if ('problem' in change) return showProblem(change.problem)
    showProblem(describeKept(change.kept))
    refresh()
    name.value = ''
    report(change.replaced ? `“${wanted}” replaced.` : `“${wanted}” saved.`, change)
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
