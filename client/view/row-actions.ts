import { toHex } from '../core/bytes.ts'
import { describeEvent, fold } from '../core/line.ts'
import type { LogEntry } from '../core/log-store.ts'
import type { Message } from '../core/message.ts'
import { copy } from './clipboard.ts'
import { make, makeButton } from './highlight.ts'

type RowActionsOptions = {
  onSendAgain: (message: Message) => void
  onEdit: (message: Message) => void
  /** Called when the pointer enters and leaves the buttons. */
  onHold: (isHeld: boolean) => void
}

const COPIED_FOR = 1500

/** Creates the buttons of a row. There is one set of them, which moves from row to row: a set for each would be slow. */
export function createRowActions({ onSendAgain, onEdit, onHold }: RowActionsOptions) {
  const box = make('span', 'actions')
  const again = makeAction('Send again')
  const edit = makeAction('Edit')
  const copier = makeAction('Copy')
  box.append(again, edit, copier)
  let entry: LogEntry | undefined
  let timer: ReturnType<typeof setTimeout> | undefined

  function name(copied = 'Copy') {
    if (!entry) return
    const { text, message } = describeEvent(entry.event)
    const subject = message === undefined ? text : fold(message).text || 'the empty message'
    for (const button of [again, edit]) button.hidden = message === undefined
    copier.textContent = copied
    for (const button of [again, edit, copier]) button.ariaLabel = `${button.textContent}: ${subject}`
  }

  const message = () => (entry && 'message' in entry.event ? entry.event.message : undefined)

  again.addEventListener('click', () => withMessage(onSendAgain))
  edit.addEventListener('click', () => withMessage(onEdit))
  copier.addEventListener('click', async () => {
    if (!entry) return
    const isCopied = await copy(textOf(entry), box.parentElement?.querySelector('.words') ?? box)
    name(isCopied ? 'Copied' : 'Copy failed')
    clearTimeout(timer)
    timer = setTimeout(name, COPIED_FOR)
  })
  box.addEventListener('pointerenter', () => onHold(true))
  box.addEventListener('pointerleave', () => onHold(false))

  function withMessage(use: (message: Message) => void) {
    const found = message()
    if (found !== undefined) use(found)
  }

  return {
    /** Moves the buttons to the row of an entry, unless one of them has the focus. */
    moveTo(row: HTMLElement, next: LogEntry) {
      // With the keyboard, the buttons stay where the focus is.
      if (box.parentElement === row || box.querySelector(':focus-visible')) return
      entry = next
      clearTimeout(timer)
      name()
      row.append(box)
    },

    /** The button after `button` in one direction, or the first one. `undefined` before the first one. */
    next(button: EventTarget | null, step: 1 | -1): HTMLElement | undefined {
      const shown = [again, edit, copier].filter(button => !button.hidden)
      const at = shown.indexOf(button as HTMLButtonElement)
      if (at < 0) return step > 0 ? shown[0] : undefined
      return step > 0 ? (shown[at + 1] ?? shown[at]) : shown[at - 1]
    },
  }
}

/** The message as text, or in hex, or the text of another event. */
export function textOf({ event }: LogEntry): string {
  const { text, message } = describeEvent(event)
  if (message === undefined) return text
  return typeof message === 'string' ? message : toHex(message)
}

function makeAction(text: string): HTMLButtonElement {
  const button = makeButton('', text)
  button.tabIndex = -1
  return button
}
