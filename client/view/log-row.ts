import { byteLength, formatSize, toHex } from '../core/bytes.ts'
import { segments } from '../core/control-characters.ts'
import { formatJson, isJson } from '../core/json.ts'
import { describeEvent, type Excerpt, fold, unfold } from '../core/line.ts'
import type { LogEntry } from '../core/log-store.ts'
import type { Message } from '../core/message.ts'
import { copy } from './clipboard.ts'

/** How a row shows its message. */
export type RowView = 'folded' | 'unfolded' | 'json'

/** Longer messages are not checked for JSON, because the check runs for every row that scrolls into view. */
const MAX_JSON = 256 * 1024
const COPIED_FOR = 1500

const clock = new Intl.DateTimeFormat('en-GB', {
  hour: '2-digit',
  minute: '2-digit',
  second: '2-digit',
  fractionalSecondDigits: 3,
})

/** Creates the row of an entry. Calls `onView` when the user switches its view. */
export function createRow({ at, event }: LogEntry, view: RowView, onView: (view: RowView) => void): HTMLLIElement {
  const { kind, text, message } = describeEvent(event)
  const row = document.createElement('li')
  row.dataset.kind = kind

  const time = document.createElement('time')
  time.dateTime = new Date(at).toISOString()
  time.textContent = clock.format(at)

  const words = make('span', 'words')
  // Close reasons and HTTP responses come from the server, so they are rendered like messages.
  words.append(...render({ text, more: '' }))
  row.append(time, ' ', words)
  if (message === undefined) return row

  const roundTrip = event.type === 'received' ? event.roundTrip : undefined
  row.append(' ', make('span', 'measures', describeMeasures(message, roundTrip)))
  addMessage(row, words, message, view, onView)
  return row
}

function addMessage(
  row: HTMLElement,
  words: HTMLElement,
  message: Message,
  view: RowView,
  onView: (view: RowView) => void,
) {
  const code = make('code')
  const rest = make('span', 'rest')
  const copier = makeButton('Copy')
  const actions = make('span', 'actions')
  actions.append(copier)
  row.append(' ', actions)
  words.append(code, rest)

  const folded = fold(message)
  const isBinary = typeof message !== 'string'
  const canUnfold = isBinary ? message.length > 0 : folded.more !== ''
  const toggle = makeButton('')
  if (canUnfold) words.append(toggle)
  const json = makeButton('JSON')
  if (!isBinary && message.length <= MAX_JSON && isJson(message)) actions.prepend(json)

  function show() {
    const excerpt = view === 'folded' ? folded : unfold(view === 'json' ? pretty(message) : message)
    row.dataset.view = view
    code.replaceChildren(...render(excerpt))
    const isDump = isBinary && view !== 'folded'
    code.className = isDump ? 'dump' : ''
    // Lets the arrow keys scroll a dump that is wider than the page.
    if (isDump) code.tabIndex = 0
    else code.removeAttribute('tabindex')
    rest.textContent = view === 'folded' || excerpt.more === '' ? '' : `and ${excerpt.more}`
    toggle.textContent = view !== 'folded' ? 'Show less' : isBinary ? 'Hex dump' : `Show ${folded.more}`
    toggle.ariaExpanded = String(view !== 'folded')
    json.ariaPressed = String(view === 'json')
  }
  show()

  function setView(next: RowView) {
    view = next
    show()
    onView(view)
  }
  toggle.addEventListener('click', () => setView(view === 'folded' ? 'unfolded' : 'folded'))
  json.addEventListener('click', () => setView(view === 'json' ? 'folded' : 'json'))
  code.addEventListener('click', () => {
    // A click that ends a selection must not unfold the message.
    if (canUnfold && view === 'folded' && getSelection()?.isCollapsed !== false) setView('unfolded')
  })

  let timer: ReturnType<typeof setTimeout> | undefined
  copier.addEventListener('click', async () => {
    const isCopied = await copy(isBinary ? toHex(message) : message, code)
    copier.textContent = isCopied ? 'Copied' : 'Copy failed'
    clearTimeout(timer)
    timer = setTimeout(() => {
      copier.textContent = 'Copy'
    }, COPIED_FOR)
  })
}

function pretty(message: Message): Message {
  if (typeof message !== 'string') return message
  const formatted = formatJson(message)
  return 'text' in formatted ? formatted.text : message
}

function render({ text, more }: Excerpt): (Node | string)[] {
  const nodes = segments(text, { keepLayout: true }).map(segment =>
    segment.isControl ? make('i', 'control', segment.text) : segment.text,
  )
  return more === '' ? nodes : [...nodes, '…']
}

function describeMeasures(message: Message, roundTrip: number | undefined): string {
  const measures = [formatSize(byteLength(message))]
  if (typeof message !== 'string') measures.unshift('binary')
  if (roundTrip !== undefined) measures.push(`${roundTrip.toFixed(roundTrip < 100 ? 1 : 0)} ms`)
  return measures.join(' · ')
}

function make(name: string, className = '', text = ''): HTMLElement {
  const made = document.createElement(name)
  if (className) made.className = className
  made.textContent = text
  return made
}

function makeButton(text: string): HTMLButtonElement {
  const button = document.createElement('button')
  button.type = 'button'
  button.textContent = text
  return button
}
