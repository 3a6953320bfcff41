import { type Layout, layOut, layoutsOf, treeOf } from '../core/layouts.ts'
import { UNFOLDED_CHARACTERS, unfold } from '../core/line.ts'
import type { Message } from '../core/message.ts'
import { createChoice } from './choice.ts'
import { createHexPages } from './hex-pages.ts'
import { coloured, make, makeButton, plain } from './highlight.ts'
import { createTreeView } from './tree-view.ts'

const NAMES: Record<Layout, string> = { pretty: 'Pretty', tree: 'Tree', raw: 'Raw', hex: 'Hex' }

/**
 * Shows the content of a message: JSON laid out or as a tree, text as it is, or bytes.
 * @param name the first part of the ids of its elements
 */
export function createContentView(box: HTMLElement, name: string) {
  const { form, labels } = createForm(name)
  const note = make('p', 'note')
  const text = make('pre', 'code')
  const rest = make('p', 'note')
  const more = makeButton('secondary', 'Show more')
  const tree = createTreeView()
  const hex = createHexPages()
  const choice = createChoice(form, value => {
    wanted = value as Layout
    draw()
  })
  let message: Message = ''
  let available: Layout[] = ['raw']
  /** The layout that the user chose. Another one is shown where it does not apply. */
  let wanted: Layout = 'pretty'
  let reason = ''
  let limit = UNFOLDED_CHARACTERS

  text.id = `${name}-text`
  rest.id = `${name}-rest`
  // Lets the arrow keys scroll a long message.
  text.tabIndex = 0
  box.append(form, note, text, tree.box, hex.box, rest, more)

  const layout = () => (available.includes(wanted) ? wanted : (available[0] ?? 'raw'))

  function draw() {
    const chosen = layout()
    choice.value = chosen
    form.hidden = available.length === 1
    for (const [value, label] of labels) label.hidden = !available.includes(value)
    note.textContent = reason
    tree.box.hidden = chosen !== 'tree'
    hex.box.hidden = chosen !== 'hex'
    text.hidden = chosen === 'tree' || chosen === 'hex'
    write('', '')
    if (chosen === 'hex') hex.show(message)
    else if (typeof message === 'string') drawText(message, chosen)
  }

  function drawText(shown: string, chosen: Layout) {
    if (chosen === 'raw') return write(shown, '')
    if (chosen === 'pretty') {
      const { prefix, json } = layOut(shown)
      return write(prefix, json)
    }
    const found = treeOf(shown)
    tree.box.hidden = !found
    if (found) tree.show(found)
    else note.textContent = 'This is not valid JSON, so it has no tree.'
  }

  function write(prefix: string, json: string) {
    const first = unfold(prefix, limit)
    const second = unfold(json, limit)
    text.replaceChildren(...plain(first.text), ...coloured(second.text))
    rest.textContent = first.more || second.more ? `and ${first.more || second.more}` : ''
    more.hidden = !rest.textContent
  }

  more.addEventListener('click', () => {
    limit += UNFOLDED_CHARACTERS
    draw()
    // The button is gone when nothing is left to show.
    if (more.hidden) text.focus({ preventScroll: true })
  })

  return {
    /** Shows a message, or the text of an event, which has no other layout. */
    show(next: Message, isEvent = false) {
      message = next
      limit = UNFOLDED_CHARACTERS
      const found = isEvent ? undefined : layoutsOf(next)
      available = found?.layouts ?? ['raw']
      reason = found?.note ?? ''
      draw()
    },

    /** The text that is visible, or `undefined` if it is not the whole message. */
    get whole(): string | undefined {
      if (layout() === 'hex') return hex.whole
      return text.hidden || !more.hidden ? undefined : (text.textContent ?? '')
    },

    text,
  }
}

function createForm(name: string) {
  const form = make('form', 'choice') as HTMLFormElement
  const fieldset = make('fieldset')
  const labels = (Object.entries(NAMES) as [Layout, string][]).map(([value, words]) => {
    const label = make('label')
    const radio = make('input') as HTMLInputElement
    radio.type = 'radio'
    radio.name = 'as'
    radio.value = value
    label.append(radio, make('span', '', words))
    return [value, label] as const
  })
  form.id = `${name}-as`
  fieldset.append(make('legend', 'visually-hidden', 'Show as'), ...labels.map(([, label]) => label))
  form.append(fieldset)
  return { form, labels }
}
