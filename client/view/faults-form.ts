import { count } from '../core/count.ts'
import { editQuery, type Parameter, readQuery, writeQuery } from '../core/query.ts'
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
  const url = element(root, '#url', HTMLInputElement)
  const chip = createChip(root, { connected, onOpenFaults })
  let fields: Field[] = []
  let names: string[] = []
  let hints = createHints(form, [])
  let verb = 'Connect'
  let loading: Promise<void> | undefined

  /** Creates the fields, once. */
  async function load() {
    loading ??= import('./fault-fields.ts').then(({ createFields }) => {
      createFields(element(form, '.fields', HTMLElement), element(form, '#presets', HTMLElement), base)
      fields = [...form.querySelectorAll<Field>('[name]')]
      names = [...new Set(fields.map(({ name }) => name))]
      hints = createHints(form, fields)
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
    for (const field of fields) if (field !== edited) fillField(field, parameters)
    showCount(new Set(parameters.map(([name]) => name).filter(name => names.includes(name))))
  }

  function showCount(set: ReadonlySet<string>) {
    const faults = count(set.size, 'fault')
    for (const field of fields) field.toggleAttribute('data-set', set.has(field.name))
    chip.show(url.value, set.size, names)
    submit.textContent = `${verb} ${set.size === 0 ? 'without faults' : `with ${faults}`}`
    clear.disabled = set.size === 0
    // A foreign server may well know other parameters.
    const isOurs = fields.length > 0 && (set.size > 0 || url.value.startsWith(base))
    unknown.textContent = isOurs ? describeUnknown(url.value, names) : ''
  }

  function edit(query: string) {
    url.value = query
    hints.restore()
    onEdit()
  }

  form.addEventListener('input', ({ target }) => {
    const field = target as Field
    const values = valuesOf(field)
    const rivals = new Set(values.length > 0 ? rivalsOf(field, fields) : [])
    edit(editQuery(writeQuery(url.value, rivals, []), names, field.name, values))
    show(field)
    help.textContent = explain(field)
  })
  explainFocused(form, help)
  form.addEventListener('submit', event => {
    event.preventDefault()
    onConnect()
  })
  clear.addEventListener('click', () => {
    edit(writeQuery(url.value, new Set(names), []))
    show()
  })
  url.addEventListener('input', () => {
    hints.restore()
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
      return hints.complain(answer)
    },
  }
}

/** Controls the button beside the address that shows how many faults are on. */
function createChip(
  root: ParentNode,
  { connected, onOpenFaults }: Pick<FaultsFormOptions, 'connected' | 'onOpenFaults'>,
) {
  const chip = element(root, '#faults-chip', HTMLButtonElement)
  chip.addEventListener('click', onOpenFaults)

  return {
    /** Says how many faults the connection has; without one, or while the address is edited, how many it will have. */
    show(address: string, next: number, names: string[]) {
      const current = connected()
      const isEdited = current !== undefined && current !== address
      const now = isEdited ? readQuery(current).filter(([name]) => names.includes(name)).length : next
      chip.hidden = now === 0 && next === 0
      if (current === undefined) chip.textContent = count(next, 'fault')
      else if (isEdited && next > 0) chip.textContent = `${count(next, 'fault')}, not yet on`
      else chip.textContent = `${count(now, 'fault')} ${isEdited ? 'still ' : ''}on`
    },
  }
}

/** Controls the hint below each field, which gives way to what the server complains about. */
function createHints(form: HTMLFormElement, fields: Field[]) {
  const hints = fields.map(field => {
    const hint = element(form, `#${field.getAttribute('aria-describedby')} span`, HTMLElement)
    return { field, hint, text: hint.textContent }
  })

  return {
    restore() {
      for (const { field, hint, text } of hints) {
        if (field.ariaInvalid !== 'true') continue
        field.ariaInvalid = 'false'
        hint.className = ''
        hint.textContent = text
      }
    },

    complain(answer: string): boolean {
      const complaints = new Map(Array.from(answer.matchAll(COMPLAINT), ([, name, words]) => [name, words]))
      for (const { field, hint } of hints) {
        const words = complaints.get(field.name)
        if (words === undefined) continue
        field.ariaInvalid = 'true'
        hint.className = 'problem'
        hint.textContent = `${words.charAt(0).toUpperCase()}${words.slice(1)}`
      }
      return complaints.size > 0
    },
  }
}

/** Names the parameters of an address that are no faults, in one sentence, or returns an empty string. */
function describeUnknown(address: string, known: string[]): string {
  const strange = [...new Set(readQuery(address).map(([name]) => name))].filter(name => !known.includes(name))
  return strange.length > 0 ? `No fault has the name ${strange.map(name => `"${name}"`).join(', ')}.` : ''
}

/** Returns the names of the parameters that the server doesn't permit beside the field's. */
function rivalsOf({ name, dataset: { ending } }: Field, fields: Field[]): string[] {
  const rivals = fields.filter(other => ending && other.dataset.ending === ending && other.name !== name)
  return rivals.map(({ name }) => name)
}

function explainFocused(form: HTMLFormElement, help: HTMLElement) {
  form.addEventListener('focusin', ({ target }) => {
    if ((target as Element).matches('[name]')) help.textContent = explain(target as Field)
  })
}

function explain(field: Field): string {
  const chosen = field instanceof HTMLSelectElement ? field.selectedOptions[0] : undefined
  return `${chosen?.value ? `${field.name}=${chosen.value}` : field.name}: ${chosen?.title || field.title}`
}

function fillField(field: Field, parameters: Parameter[]) {
  const values = parameters.filter(([name]) => name === field.name).map(([, value]) => value)
  if (isCheckbox(field)) field.checked = values.includes(field.value)
  else field.value = field instanceof HTMLTextAreaElement ? values.join('\n') : (values.at(-1) ?? '')
}

const isCheckbox = (field: Field): field is HTMLInputElement => field.type === 'checkbox'

/** Returns the values of the parameter that a field sets. A field with several lines sets one value for each. */
function valuesOf(field: Field): string[] {
  if (isCheckbox(field)) return field.checked ? [field.value] : []
  return (field instanceof HTMLTextAreaElement ? field.value.split('\n') : [field.value]).filter(Boolean)
}
