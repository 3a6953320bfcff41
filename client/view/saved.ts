import { hostOf } from '../core/address.ts'
import { count } from '../core/count.ts'
import type { Draft } from '../core/link.ts'
import type { Change, SavedMessage, SavedMessages } from '../core/saved-messages.ts'
import { describeKept } from '../core/stored.ts'
import { element } from './element.ts'
import { make, makeButton } from './highlight.ts'
import type { Notice } from './notice.ts'

export type SavedOptions = {
  read: () => Draft
  fill: (draft: Draft) => void
  focus: () => void
  /** The connected address, or the one in the field. */
  address: () => string
  notice: Notice
}

/** Controls the list of saved messages and the form that saves one, for the server at hand or for all. */
export function createSaved(root: ParentNode, messages: SavedMessages, options: SavedOptions) {
  const { read, fill, focus, address, notice } = options
  const menu = element(root, '#saved', HTMLElement)
  const form = element(root, '#save', HTMLFormElement)
  const name = element(root, '#save-name', HTMLInputElement)
  const scope = element(root, '#save-for-server', HTMLInputElement)
  const box = element(root, '#save-scope', HTMLElement)
  const host = element(box, 'b', HTMLElement)
  const list = element(root, '#saved ul', HTMLUListElement)
  const others = element(root, '#saved-others', HTMLButtonElement)
  const problem = element(root, '#save-problem', HTMLElement)
  /** Whether the messages for other servers are listed, too. */
  let isComplete = false

  function refresh() {
    const server = hostOf(address())
    const all = messages.list()
    const shown = isComplete ? all : messages.list(server)
    const hidden = all.length - shown.length
    list.replaceChildren(...shown.map(createItem))
    others.hidden = hidden === 0
    others.textContent = `Show ${count(hidden, 'message')} for other servers`
    host.textContent = server
    box.hidden = server === ''
    if (box.hidden) scope.checked = false
  }

  function createItem(saved: SavedMessage): HTMLElement {
    const item = make('li')
    const only = saved.server === undefined ? '' : `only for ${saved.server}`
    const use = button(saved.name, () => {
      menu.hidePopover()
      fill({ format: saved.format, message: saved.text })
      focus()
    })
    if (only) use.append(' ', make('small', '', only))
    const remove = button('×', () => {
      const change = messages.remove(saved.name, saved.server)
      refresh()
      name.focus()
      report(`“${saved.name}” deleted.`, change)
    })
    remove.ariaLabel = `Delete ${saved.name}${only && ` (${only})`}`
    item.append(use, remove)
    return item
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
    isComplete = false
    refresh()
    showProblem('')
  })
  others.addEventListener('click', () => {
    isComplete = true
    refresh()
    list.querySelector('button')?.focus()
  })
  name.addEventListener('input', () => showProblem(''))
  form.addEventListener('submit', event => {
    event.preventDefault()
    const wanted = name.value.trim()
    const { format, message } = read()
    const server = scope.checked ? hostOf(address()) : ''
    const change = messages.put({ name: wanted, format, text: message, ...(server && { server }) })
    if ('problem' in change) return showProblem(change.problem)
    showProblem(describeKept(change.kept))
    refresh()
    name.value = ''
    const where = server && ` for ${server}`
    report(`“${wanted}” ${change.replaced ? 'replaced' : 'saved'}${where}.`, change)
  })
}

function button(text: string, onClick: () => void): HTMLButtonElement {
  const created = makeButton('quiet', text)
  created.addEventListener('click', onClick)
  return created
}
