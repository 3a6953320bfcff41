import { byteLength, formatSize } from '../core/bytes.ts'
import { milliseconds } from '../core/count.ts'
import { findJson, formatJson } from '../core/json.ts'
import { unfold } from '../core/line.ts'
import type { LogEntry } from '../core/log-store.ts'
import type { Message } from '../core/message.ts'
import { createChoice } from './choice.ts'
import { copy } from './clipboard.ts'
import { createCodeView } from './code-view.ts'
import { createCompareView } from './compare-view.ts'
import { createDecodeView } from './decode-view.ts'
import { download } from './download.ts'
import { element } from './element.ts'
import { coloured, plain } from './highlight.ts'
import { clock } from './log-row.ts'
import { textOf } from './row-actions.ts'

export type MessageViewOptions = {
  onSendAgain: (message: Message) => void
  onEditMessage: (message: Message) => void
  /** The address and the subprotocols of the connection. */
  target: () => { url: string; protocols: string[] }
}

/** Longer JSON is not laid out, because that would take seconds. In characters. */
const MAX_PRETTY = 4 * 1024 * 1024
const COPIED_FOR = 1500

/** Shows the selected line of the log in the side panel. */
export function createMessageView(root: ParentNode, { onSendAgain, onEditMessage, target }: MessageViewOptions) {
  const none = element(root, '#no-message', HTMLElement)
  const one = element(root, '#one-message', HTMLElement)
  const title = element(root, '#message-title', HTMLElement)
  const text = element(root, '#message-text', HTMLElement)
  const rest = element(root, '#message-rest', HTMLElement)
  const again = element(root, '#send-again', HTMLButtonElement)
  const edit = element(root, '#edit-message', HTMLButtonElement)
  const copier = element(root, '#copy-message', HTMLButtonElement)
  const save = element(root, '#save-file', HTMLButtonElement)
  const as = createChoice(element(root, '#message-as', HTMLElement), show)
  const decoding = createDecodeView(one)
  const comparison = createCompareView(one)
  const code = createCodeView(one, () => {
    const shown = message()
    return { ...target(), ...(shown !== undefined && { message: shown }) }
  })
  // Lets the arrow keys scroll a long message.
  text.tabIndex = 0
  let entry: LogEntry | undefined
  let isVisible = false
  let timer: ReturnType<typeof setTimeout> | undefined

  const message = () => (entry && 'message' in entry.event ? entry.event.message : undefined)

  function show() {
    if (!isVisible || !entry) return
    none.hidden = true
    one.hidden = false
    const shown = message()
    for (const part of [again, edit, save, element(root, '#message-as', HTMLElement)]) part.hidden = shown === undefined
    title.textContent = describe(entry)
    decoding.select(shown)
    comparison.select(shown)
    code.show()
    if (shown === undefined) return write({ text: textOf(entry), more: '' })
    if (as.value === 'pretty' && typeof shown === 'string') {
      const { prefix, json } = pretty(shown)
      if (json !== undefined) return write(unfold(prefix), unfold(json))
    }
    const bytes = typeof shown === 'string' && as.value === 'hex' ? new TextEncoder().encode(shown) : shown
    write(unfold(bytes))
  }

  type Excerpt = ReturnType<typeof unfold>

  function write(first: Excerpt, json: Excerpt = { text: '', more: '' }) {
    text.replaceChildren(...plain(first.text), ...coloured(json.text))
    const more = json.more || first.more
    rest.textContent = more && `and ${more}. “Save as file” saves all of it.`
  }

  function withMessage(use: (message: Message) => void) {
    const found = message()
    if (found !== undefined) use(found)
  }

  again.addEventListener('click', () => withMessage(onSendAgain))
  edit.addEventListener('click', () => withMessage(onEditMessage))
  save.addEventListener('click', () =>
    withMessage(found =>
      download(new Blob([found]), `message-${entry?.id}.${typeof found === 'string' ? 'txt' : 'bin'}`),
    ),
  )
  copier.addEventListener('click', async () => {
    if (!entry) return
    // What is visible is copied, unless only its beginning is.
    const isCopied = await copy(rest.textContent ? textOf(entry) : (text.textContent ?? ''), text)
    copier.textContent = isCopied ? 'Copied' : 'Copy failed'
    clearTimeout(timer)
    timer = setTimeout(() => {
      copier.textContent = 'Copy'
    }, COPIED_FOR)
  })

  return {
    select(next: LogEntry) {
      entry = next
      show()
    },
    setVisible(next: boolean) {
      isVisible = next
      show()
    },
  }
}

/** Splits a text into what precedes its JSON, and the JSON laid out. */
function pretty(text: string): { prefix: string; json?: string } {
  const start = text.length > MAX_PRETTY ? -1 : findJson(text)
  if (start < 0) return { prefix: text }
  const formatted = formatJson(text.slice(start))
  if (!('text' in formatted)) return { prefix: text }
  const prefix = text.slice(0, start).trimEnd()
  return { prefix: prefix && `${prefix}\n`, json: formatted.text }
}

function describe({ at, event }: LogEntry): string {
  const time = clock.format(at)
  if (!('message' in event)) return `Event · ${time}`
  const kind = typeof event.message === 'string' ? 'text' : 'binary'
  const trip = event.type === 'received' && event.roundTrip !== undefined ? [milliseconds(event.roundTrip)] : []
  const direction = event.type === 'sent' ? 'Sent' : 'Received'
  return [`${direction} ${kind}`, formatSize(byteLength(event.message)), ...trip, time].join(' · ')
}
