import { listValues, readPath } from '../core/json-path.ts'
import type { LogStore } from '../core/log-store.ts'
import { describeKept, type Kept } from '../core/stored.ts'
import type { Variable } from '../core/variables.ts'
import { element } from './element.ts'
import { make, makeButton } from './highlight.ts'
import type { Notice } from './notice.ts'
import type { LoadVariables } from './variable-loader.ts'
import type { TabVariables } from './variables.ts'

export type VariablesViewOptions = { loadVariables: LoadVariables; notice: Notice; log: LogStore }

const BUILT_IN = [
  ['uuid', 'a new random UUID'],
  ['timestamp', 'the time, in ms since 1970'],
  ['counter', '1, 2, 3 … in the messages of this tab that have it'],
] as const

/** Values of the newest reply that are offered as the value of a variable. */
const MAX_OFFERED = 50

/** Shows the variables that messages can have, and lets the user set variables of his own. */
export function createVariablesView(root: ParentNode, { loadVariables, notice, log }: VariablesViewOptions) {
  const view = element(root, '#variables-view', HTMLDetailsElement)
  const form = createForm(view, log, save)
  const list = createList(element(view, 'dl', HTMLElement), { onInsert: insert, onEdit: form.fill, onDelete: remove })
  let variables: TabVariables | undefined

  async function show() {
    if (!view.open) return
    if (!variables) {
      variables = await loadVariables()
      variables.onChange(() => view.checkVisibility() && list.update())
    }
    list.show(variables)
  }
  view.addEventListener('toggle', show)

  function changed() {
    if (!variables) return
    list.show(variables)
    variables.changed()
  }

  function report(words: string, kept: Kept, undo: () => void) {
    changed()
    notice(`${words} ${describeKept(kept)}`.trim(), () => {
      undo()
      changed()
    })
  }

  function remove(variable: Variable) {
    const kept = variables?.remove(variable.name)
    form.focus()
    if (kept) report(`“${variable.name}” deleted.`, kept, () => variables?.set(variable))
  }

  /** Returns what is wrong. */
  function save(variable: Variable): string {
    const before = variables?.list().find(({ name }) => name === variable.name)
    const result = variables?.set(variable)
    if (!result) return 'The variables have not been loaded yet.'
    if ('problem' in result) return result.problem
    const undo = () => (before ? variables?.set(before) : variables?.remove(variable.name))
    report(`“${variable.name}” ${before ? 'replaced' : 'saved'}.`, result.kept, undo)
    return ''
  }

  /** Writes into the message field, at the caret, so that the browser's undo can take it back. */
  function insert(text: string) {
    const field = element(root, '#message', HTMLTextAreaElement)
    if (field.hidden) return notice('A file is in the place of the message. Remove it first.')
    field.focus()
    document.execCommand('insertText', false, text)
  }

  return {
    /** Another tab may have changed the variables. */
    setVisible: (isVisible: boolean) => isVisible && void show(),
  }
}

type ListOptions = {
  onInsert: (text: string) => void
  onEdit: (variable: Variable) => void
  onDelete: (variable: Variable) => void
}

/** Lists the variables with their values. */
function createList(list: HTMLElement, { onInsert, onEdit, onDelete }: ListOptions) {
  let variables: TabVariables | undefined

  function describe(variable: Variable): string {
    if (variable.path === undefined) return variable.value || 'empty'
    const value = variables?.currentValue(variable)
    return value === undefined
      ? `no value yet: no reply in the log has ${variable.path}`
      : `${value} – from the newest reply with ${variable.path}`
  }

  function row(name: string, value: HTMLElement): HTMLElement {
    const line = make('div')
    const term = make('dt')
    const use = `{{${name}}}`
    line.dataset.name = name
    term.append(button(use, `Put ${use} into the message`, () => onInsert(use)))
    line.append(term, value)
    return line
  }

  return {
    show(shown: TabVariables) {
      variables = shown
      const own = shown.list().map(variable => {
        const value = make('dd')
        value.append(
          make('span', 'value', describe(variable)),
          button('Edit', `Edit ${variable.name}`, () => onEdit(variable)),
          button('×', `Delete ${variable.name}`, () => onDelete(variable)),
        )
        return row(variable.name, value)
      })
      list.replaceChildren(...BUILT_IN.map(([name, meaning]) => row(name, make('dd', '', meaning))), ...own)
    },

    /** Writes only the values, because buttons that are written anew lose the focus. */
    update() {
      for (const variable of variables?.list() ?? []) {
        const value = list.querySelector(`[data-name="${variable.name}"] .value`)
        if (value) value.textContent = describe(variable)
      }
    },
  }
}

/** Controls the form for one variable. `save` returns what is wrong, or an empty string. */
function createForm(view: HTMLElement, log: LogStore, save: (variable: Variable) => string) {
  const form = element(view, 'form', HTMLFormElement)
  const name = element(form, '#variable-name', HTMLInputElement)
  const source = element(form, '#variable-source', HTMLSelectElement)
  const value = element(form, '#variable-value', HTMLInputElement)
  const label = element(form, '#variable-label', HTMLElement)
  const help = element(form, '#variable-help', HTMLElement)
  const problem = element(form, '#variable-problem', HTMLElement)
  const offered = element(form, 'datalist', HTMLDataListElement)

  const isReply = () => source.value === 'reply'

  function show() {
    label.textContent = isReply() ? 'Where it is in the reply' : 'Value'
    help.hidden = !isReply()
    if (isReply()) value.setAttribute('list', offered.id)
    else value.removeAttribute('list')
    showProblem('')
  }

  function showProblem(words: string) {
    problem.textContent = words
    const isPath = isReply() && (value.value.trim() === '' || 'problem' in readPath(value.value))
    name.ariaInvalid = String(words !== '' && !isPath)
    value.ariaInvalid = String(words !== '' && isPath)
  }

  function fill({ name: named, value: typed, path }: Variable) {
    name.value = named
    source.value = path === undefined ? 'typed' : 'reply'
    value.value = path ?? typed
    show()
    value.focus()
  }

  source.addEventListener('change', show)
  form.addEventListener('input', () => showProblem(''))
  value.addEventListener('focus', () => {
    if (isReply()) offered.replaceChildren(...offer(log))
  })
  form.addEventListener('submit', event => {
    event.preventDefault()
    const typed = value.value
    const path = typed.trim()
    if (isReply() && path === '') return showProblem('Type where the value is in the reply, for example $.id.')
    const words = save({ name: name.value.trim(), ...(isReply() ? { value: '', path } : { value: typed }) })
    showProblem(words)
    if (words) return
    name.value = ''
    value.value = ''
    name.focus()
  })
  show()

  return { fill, focus: () => name.focus() }
}

/** Returns the values of the newest reply that has JSON, as options. */
function offer(log: LogStore): HTMLOptionElement[] {
  for (const { event } of log.entries.slice(-1000).toReversed()) {
    if (event.type !== 'received' || typeof event.message !== 'string') continue
    const values = listValues(event.message, MAX_OFFERED)
    if (values.length > 0) return values.map(({ path, value }) => new Option(value.slice(0, 60), path))
  }
  return []
}

function button(text: string, label: string, onClick: () => void): HTMLButtonElement {
  const made = makeButton('quiet', text)
  made.ariaLabel = label
  made.addEventListener('click', onClick)
  return made
}
