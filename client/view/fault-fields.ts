import form from './faults.json'

/** A field of the form, as the server declares its parameter. */
type Declared = {
  name: string
  label: string
  /** How it is written, or what it means, in a few words. */
  hint: string
  help: string
  kind: string
  isEnding?: boolean
  /** The value of a box that is ticked. */
  value?: string
  /** Each value with what it does. */
  choices?: Record<string, string | undefined>
}

/** Fills the form of faults. Loaded on demand, because the texts are larger than the rest of the page's document. */
export function createFields(groups: HTMLElement, presets: HTMLElement, base: string) {
  for (const { title, fields } of form.groups) {
    const group = make('fieldset')
    group.append(make('legend', title), ...fields.map(createRow))
    groups.append(group)
  }
  for (const [name, query] of Object.entries(form.presets)) {
    const link = make('a', name) as HTMLAnchorElement
    link.href = `#url=${encodeURIComponent(`${base}?${query}`)}`
    presets.append(link)
  }
}

function createRow(declared: Declared): HTMLElement {
  const { name, label, hint, help, value, isEnding } = declared
  const id = value === '' && hint === '' ? `${name}-empty` : name
  const row = make('div')
  const caption = make('label', label) as HTMLLabelElement
  caption.htmlFor = `fault-${id}`
  const hintBox = make('small')
  hintBox.id = `hint-${id}`
  hintBox.append(make('code', value ? `${name}=${value}` : name), ' ', make('span', hint))
  const field = createField(declared)
  Object.assign(field, { id: `fault-${id}`, name, title: help })
  field.setAttribute('aria-describedby', hintBox.id)
  // A connection can have one for each direction.
  if (isEnding) field.dataset.ending = name.startsWith('up-') ? 'up' : 'down'
  row.append(caption, hintBox, field)
  return row
}

function createField({ kind, value = '', choices = {} }: Declared): HTMLElement {
  if (kind === 'lines') return Object.assign(make('textarea'), { rows: 2 })
  if (kind === 'choice') {
    const select = make('select')
    const options = Object.entries({ '': '', ...choices }).map(([choice, help]) =>
      Object.assign(make('option', choice || '–'), { value: choice, title: help ?? '' }),
    )
    select.append(...options)
    return select
  }
  if (kind === 'check') return Object.assign(make('input'), { type: 'checkbox', value })
  return Object.assign(make('input'), { inputMode: kind === 'number' ? 'numeric' : '' })
}

function make(name: string, text = ''): HTMLElement {
  const made = document.createElement(name)
  made.textContent = text
  return made
}
