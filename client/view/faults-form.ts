import { count } from '../core/count.ts'
import { editQuery, readQuery, writeQuery } from '../core/query.ts'
import { element } from './element.ts'

export type FaultsFormOptions = {
  /** The address to which the presets are added. */
  base: string
  /** Returns the address of the open connection. */
  connected: () => string | undefined
  onEdit: () => void
  onConnect: () => void
  /** Called by the button that shows how many faults are on. */
  onOpenFaults: () => void
}

type Field = HTMLInputElement | HTMLSelectElement | HTMLTextAreaElement

/** The server's words about one parameter: `"loss=2": expected a share from 0 to 1`. */
const COMPLAINT = /"([a-z-]+)(?:=[^"]*)?": (expected .*?)(?= "|$)/g

/** Controls the form of faults. Its fields set the query parameters of the server's address that have the same names. */
export function createFaultsForm(
  root: ParentNode,
  { base, connected, onEdit, onConnect, onOpenFaults }: FaultsFormOptions,
) {
  const form = element(root, '#faults', HTMLFormElement)
  const help = element(form, '#explanation', HTMLElement)
  const unknown = element(form, '#unknown', HTMLElement)
  const submit = element(form, '[type=submit]', HTMLButtonElement)
  const clear = element(form, '#clear-faults', HTMLButtonElement)
  const chip = element(root, '#faults-chip', HTMLButtonElement)
  const url = element(root, '#url', HTMLInputElement)
  let fields: Field[] = []
  let names: string[] = []
  let hints = new Map<Field, Hint>()
  let verb = 'Connect'
  let loading: Promise<void> | undefined

  /** Creates the fields, once. */
  async function load() {
    loading ??= import('./fault-fields.ts').then(({ createFields }) => {
      createFields(element(form, '.fields', HTMLElement), element(form, '#presets', HTMLElement), base)
      fields = [...form.querySelectorAll<Field>('[name]')]
      names = [...new Set(fields.map(({ name }) => name))]
      hints = new Map(fields.map(field => [field, hintOf(form, field)]))
      help.textContent = ''
    })
    try {
      await loading
      show()
    } catch {
      loading = undefined
      help.textContent = 'The form cannot be loaded, because the server of this page does not answer.'
    }
  }

  /** Fills the fields from the address, except the one that the user is editing. */
  function show(edited?: Field) {
    const parameters = readQuery(url.value)
    if (fields.length === 0 && parameters.length > 0) void load()
    for (const field of fields.filter(field => field !== edited)) {
      const values = parameters.filter(([name]) => name === field.name).map(([, value]) => value)
      if (isCheckbox(field)) field.checked = values.includes(field.value)
      else field.value = field instanceof HTMLTextAreaElement ? values.join('\n') : (values.at(-1) ?? '')
    }
    showCount(new Set(parameters.map(([name]) => name).filter(name => names.includes(name))))
  }

  function showCount(set: ReadonlySet<string>) {
    const faults = count(set.size, 'fault')
    for (const field of fields) field.toggleAttribute('data-set', set.has(field.name))
    showChip(set.size)
    submit.textContent = `${verb} ${set.size === 0 ? 'without faults' : `with ${faults}`}`
    clear.disabled = set.size === 0
    const strange = [...new Set(readQuery(url.value).map(([name]) => name))].filter(name => !names.includes(name))
    // A foreign server may well know other parameters.
    const isMixed = fields.length > 0 && strange.length > 0 && (set.size > 0 || url.value.startsWith(base))
    unknown.textContent = isMixed ? `No fault has the name ${strange.map(name => `"${name}"`).join(', ')}.` : ''
  }

  /** Says how many faults the connection has; while the address is being edited, how many it will have. */
  function showChip(next: number) {
    const address = connected()
    const isEdited = address !== undefined && address !== url.value
    const now = isEdited ? readQuery(address).filter(([name]) => names.includes(name)).length : next
    chip.hidden = now === 0 && next === 0
    chip.textContent =
      isEdited && next > 0
        ? `${count(next, 'fault')}, not yet on`
        : `${count(now, 'fault')} ${isEdited ? 'still ' : ''}on`
  }

  function explain(field: Field) {
    const chosen = field instanceof HTMLSelectElement ? field.selectedOptions[0] : undefined
    help.textContent = `${chosen?.value ? `${field.name}=${chosen.value}` : field.name}: ${chosen?.title || field.title}`
  }

  function edit(query: string) {
    url.value = query
    forgive()
    onEdit()
  }

  function forgive() {
    for (const [field, { element, text }] of hints) {
      if (field.ariaInvalid !== 'true') continue
      field.ariaInvalid = 'false'
      element.className = ''
      element.textContent = text
    }
  }

  form.addEventListener('input', ({ target }) => {
    const field = target as Field
    const values = valuesOf(field)
    // The server permits only one of them.
    const rivals = fields.filter(other => isEnding(other) && isEnding(field) && other.name !== field.name)
    const rivalNames = new Set(values.length > 0 ? rivals.map(({ name }) => name) : [])
    edit(editQuery(writeQuery(url.value, rivalNames, []), names, field.name, values))
    show(field)
    explain(field)
  })
  form.addEventListener('focusin', ({ target }) => {
    if (fields.includes(target as Field)) explain(target as Field)
  })
  form.addEventListener('submit', event => {
    event.preventDefault()
    onConnect()
  })
  clear.addEventListener('click', () => {
    edit(writeQuery(url.value, new Set(names), []))
    show()
  })
  chip.addEventListener('click', onOpenFaults)
  url.addEventListener('input', () => {
    forgive()
    show()
  })

  return {
    load,

    show(isConnected: boolean) {
      verb = isConnected ? 'Reconnect' : 'Connect'
      show(fields.find(field => field === document.activeElement))
    },

    /** Marks the fields that an answer of the server complains about. Returns whether there are any. */
    async complain(answer: string): Promise<boolean> {
      await load()
      const complaints = new Map(Array.from(answer.matchAll(COMPLAINT), ([, name, words]) => [name, words]))
      for (const [field, { element }] of hints) {
        const words = complaints.get(field.name)
        if (words === undefined) continue
        field.ariaInvalid = 'true'
        element.className = 'problem'
        element.textContent = `${words.charAt(0).toUpperCase()}${words.slice(1)}`
      }
      return complaints.size > 0
    },
  }
}

type Hint = { element: HTMLElement; text: string }

function hintOf(form: HTMLFormElement, field: Field): Hint {
  const hint = element(form, `#${field.getAttribute('aria-describedby')} span`, HTMLElement)
  return { element: hint, text: hint.textContent }
}

const isEnding = (field: Field): boolean => field.dataset.ending !== undefined

const isCheckbox = (field: Field): field is HTMLInputElement => field.type === 'checkbox'

/** Returns the values of the parameter that a field sets. A field with several lines sets one value for each. */
function valuesOf(field: Field): string[] {
  if (isCheckbox(field)) return field.checked ? [field.value] : []
  return (field instanceof HTMLTextAreaElement ? field.value.split('\n') : [field.value]).filter(Boolean)
}
