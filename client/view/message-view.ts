import { byteLength, formatSize } from '../core/bytes.ts'
import { milliseconds } from '../core/count.ts'
import type { LogEntry } from '../core/log-store.ts'
import type { Message } from '../core/message.ts'
import { createCodeView } from './code-view.ts'
import { createCompareView } from './compare-view.ts'
import { createContentView } from './content-view.ts'
import { createCopyButton } from './copy-button.ts'
import { createDecodeView } from './decode-view.ts'
import { download } from './download.ts'
import { element } from './element.ts'
import { clock } from './log-row.ts'
import { textOf } from './row-actions.ts'

export type MessageViewOptions = {
  onSendAgain: (message: Message) => void
  onEditMessage: (message: Message) => void
  /** The address and the subprotocols of the connection. */
  target: () => { url: string; protocols: string[] }
}

/** Shows the selected line of the log in the side panel. */
export function createMessageView(root: ParentNode, { onSendAgain, onEditMessage, target }: MessageViewOptions) {
  const none = element(root, '#no-message', HTMLElement)
  const one = element(root, '#one-message', HTMLElement)
  const title = element(root, '#message-title', HTMLElement)
  const again = element(root, '#send-again', HTMLButtonElement)
  const edit = element(root, '#edit-message', HTMLButtonElement)
  const save = element(root, '#save-file', HTMLButtonElement)
  const content = createContentView(one, 'message')
  const decoding = createDecodeView(one)
  const comparison = createCompareView(one)
  const code = createCodeView(one, () => {
    const shown = message()
    return { ...target(), ...(shown !== undefined && { message: shown }) }
  })
  let entry: LogEntry | undefined
  let shownEntry: LogEntry | undefined
  let isVisible = false

  const message = () => (entry && 'message' in entry.event ? entry.event.message : undefined)

  function show() {
    if (!isVisible || !entry) return
    code.show()
    if (entry === shownEntry) return
    shownEntry = entry
    none.hidden = true
    one.hidden = false
    const shown = message()
    for (const part of [again, edit, save]) part.hidden = shown === undefined
    title.textContent = describe(entry)
    content.show(shown ?? textOf(entry), shown === undefined)
    decoding.select(shown)
    comparison.select(shown)
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
  // What is visible is copied, unless it is a part of the message.
  createCopyButton(element(root, '#copy-message', HTMLButtonElement), content.text, () =>
    entry ? (content.whole ?? textOf(entry)) : '',
  )

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

function describe({ at, event }: LogEntry): string {
  const time = clock.format(at)
  if (!('message' in event)) return `Event · ${time}`
  const kind = typeof event.message === 'string' ? 'text' : 'binary'
  const trip = event.type === 'received' && event.roundTrip !== undefined ? [milliseconds(event.roundTrip)] : []
  const direction = event.type === 'sent' ? 'Sent' : 'Received'
  return [`${direction} ${kind}`, formatSize(byteLength(event.message)), ...trip, time].join(' · ')
}
