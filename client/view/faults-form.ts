import { type Parameter, readQuery, writeQuery } from '../core/query.ts'
import { createDisclosure } from './disclosure.ts'
import { element } from './element.ts'

type FaultsFormOptions = {
  onEdit: () => void
  onConnect: () => void
}

/** Controls the form of faults. Its fields set the query parameters of the server's address that have the same names. */
export function createFaultsForm(root: ParentNode, { onEdit, onConnect }: FaultsFormOptions) {
  const form = element(root, '#faults', HTMLFormElement)
  const url = element(root, '#url', HTMLInputElement)
  const fields = [...form.querySelectorAll<HTMLInputElement | HTMLSelectElement>('[name]')]
  const names = new Set(fields.map(({ name }) => name))

  createDisclosure(root, '#faults-toggle')

  /** Returns the parameters of all filled fields. If two fields have the same name, the last one wins. */
  function read(): Parameter[] {
    const values = new Map<string, string>()
    for (const field of fields) {
      if (isCheckbox(field) ? field.checked : field.value !== '') values.set(field.name, field.value)
    }
    return [...values]
  }

  /** Fills the fields from the address. */
  function show() {
    const values = new Map(readQuery(url.value))
    for (const field of fields) {
      const value = values.get(field.name)
      if (isCheckbox(field)) field.checked = value === field.value
      else field.value = value ?? ''
    }
  }

  form.addEventListener('input', () => {
    url.value = writeQuery(url.value, names, read())
    onEdit()
  })
  form.addEventListener('submit', event => {
    event.preventDefault()
    onConnect()
  })
  url.addEventListener('input', show)

  return { show }
}

const isCheckbox = (field: HTMLInputElement | HTMLSelectElement): field is HTMLInputElement => field.type === 'checkbox'
