import { editQuery, readQuery } from '../core/query.ts'
import { createDisclosure } from './disclosure.ts'
import { element } from './element.ts'

type FaultsFormOptions = {
  onEdit: () => void
  onConnect: () => void
}

type Field = HTMLInputElement | HTMLSelectElement | HTMLTextAreaElement

/** Controls the form of faults. Its fields set the query parameters of the server's address that have the same names. */
export function createFaultsForm(root: ParentNode, { onEdit, onConnect }: FaultsFormOptions) {
  const form = element(root, '#faults', HTMLFormElement)
  const help = element(form, 'p', HTMLElement)
  const url = element(root, '#url', HTMLInputElement)
  const fields = [...form.querySelectorAll<Field>('[name]')]
  const names = [...new Set(fields.map(({ name }) => name))]

  createDisclosure(root, '#faults-toggle')

  /** Fills the fields from the address, except the one that the user is editing. */
  function show(edited?: Field) {
    const parameters = readQuery(url.value)
    for (const field of fields.filter(field => field !== edited)) {
      const values = parameters.filter(([name]) => name === field.name).map(([, value]) => value)
      if (isCheckbox(field)) field.checked = values.includes(field.value)
      else field.value = field instanceof HTMLTextAreaElement ? values.join('\n') : (values.at(-1) ?? '')
    }
  }

  function explain(field: Field) {
    const chosen = field instanceof HTMLSelectElement ? field.selectedOptions[0] : undefined
    help.textContent = `${chosen?.value ? `${field.name}=${chosen.value}` : field.name}: ${chosen?.title || field.title}`
  }

  form.addEventListener('input', ({ target }) => {
    const field = target as Field
    url.value = editQuery(url.value, names, field.name, valuesOf(field))
    show(field)
    explain(field)
    onEdit()
  })
  form.addEventListener('focusin', ({ target }) => {
    if (fields.includes(target as Field)) explain(target as Field)
  })
  form.addEventListener('submit', event => {
    event.preventDefault()
    onConnect()
  })
  url.addEventListener('input', () => show())

  return { show: () => show() }
}

const isCheckbox = (field: Field): field is HTMLInputElement => field.type === 'checkbox'

/** Returns the values of the parameter that a field sets. A field with several lines sets one value for each. */
function valuesOf(field: Field): string[] {
  if (isCheckbox(field)) return field.checked ? [field.value] : []
  return (field instanceof HTMLTextAreaElement ? field.value.split('\n') : [field.value]).filter(Boolean)
}
