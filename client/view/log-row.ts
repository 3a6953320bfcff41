import { byteLength, formatSize } from '../core/bytes.ts'
import { milliseconds } from '../core/count.ts'
import { findJson } from '../core/json.ts'
import { describeEvent, type Excerpt, fold, unfold } from '../core/line.ts'
import type { LogEntry } from '../core/log-store.ts'
import type { Message } from '../core/message.ts'
import { coloured, make, makeButton, plain } from './highlight.ts'

/** How a row shows its message. */
export type RowView = 'folded' | 'unfolded'

/** Longer messages get no colours, because a row is drawn whenever it scrolls into view. In characters. */
const MAX_COLOURED = 16 * 1024

export const clock = new Intl.DateTimeFormat('en-GB', {
  hour: '2-digit',
  minute: '2-digit',
  second: '2-digit',
  fractionalSecondDigits: 3,
})

/** Creates the row of an entry. Calls `onView` when the user switches its view. */
export function createRow({ id, at, event }: LogEntry, view: RowView, onView: (view: RowView) => void): HTMLLIElement {
  const { kind, text, message } = describeEvent(event)
  const row = document.createElement('li')
  row.dataset.kind = kind
  row.dataset.id = String(id)
  row.tabIndex = -1

  const words = make('span', 'words')
  const time = document.createElement('time')
  time.dateTime = new Date(at).toISOString()
  time.textContent = clock.format(at)
  if (message === undefined) {
    // Close reasons and HTTP responses come from the server, so they are rendered like messages.
    words.append(...plain(text))
    row.append(words, ' ', time)
    return row
  }
  // The arrow says the same to those who see it.
  words.append(make('span', 'prefix', text))
  const roundTrip = event.type === 'received' ? event.roundTrip : undefined
  row.append(words, ' ', measures(message, roundTrip), ' ', time)
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
  // Text that runs from right to left must not turn the rest of the row round.
  code.dir = 'auto'
  words.append(code)
  const folded = fold(message)
  const isBinary = typeof message !== 'string'
  // Most rows are short and need no more elements, of which each costs time while messages pour in.
  if (isBinary ? message.length === 0 : folded.more === '') return void code.append(...render(message, folded))

  const rest = make('span', 'rest')
  const toggle = makeButton('')
  toggle.tabIndex = -1
  words.append(rest, toggle)

  function show() {
    const excerpt = view === 'folded' ? folded : unfold(message)
    row.dataset.view = view
    code.replaceChildren(...render(message, excerpt))
    const isDump = isBinary && view !== 'folded'
    code.className = isDump ? 'dump' : ''
    // Lets the arrow keys scroll a dump that is wider than the page.
    if (isDump) code.tabIndex = 0
    else code.removeAttribute('tabindex')
    rest.textContent = view === 'folded' || excerpt.more === '' ? '' : `and ${excerpt.more}`
    toggle.textContent = view !== 'folded' ? 'Show less' : isBinary ? 'Hex dump' : `Show ${folded.more}`
    toggle.ariaExpanded = String(view !== 'folded')
  }
  show()

  toggle.addEventListener('click', () => {
    view = view === 'folded' ? 'unfolded' : 'folded'
    show()
    onView(view)
  })
}

function render(message: Message, { text, more }: Excerpt): (Node | string)[] {
  const start = typeof message === 'string' && message.length <= MAX_COLOURED ? findJson(message) : -1
  const nodes = start < 0 ? plain(text) : [...plain(text.slice(0, start)), ...coloured(text.slice(start))]
  return more === '' ? nodes : [...nodes, '…']
}

function measures(message: Message, roundTrip: number | undefined): HTMLElement {
  const box = make('span', 'measures')
  box.append(make('span', 'size', formatSize(byteLength(message))))
  if (roundTrip !== undefined) {
    box.append(' ', make('span', 'trip', milliseconds(roundTrip)))
  }
  return box
}
