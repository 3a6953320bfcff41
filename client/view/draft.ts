import { toHex } from '../core/bytes.ts'
import type { History } from '../core/history.ts'
import { formatJson } from '../core/json.ts'
import { type Draft, type Format, isFormat } from '../core/link.ts'
import type { Message } from '../core/message.ts'
import { createAttachment } from './attachment.ts'
import { createChoice } from './choice.ts'
import { element } from './element.ts'
import { createGrowth, leavesText, replaceText } from './message-field.ts'
import type { Content } from './outbox.ts'

type DraftOptions = {
  history: History
  /** Called when the text, its format, or the attachment has changed. */
  onChange: () => void
  /** Called after `onChange`, but not for an attachment. */
  onEdit: () => void
  /** Called before `onChange` when the user has typed. */
  onType: () => void
  onProblem: (text: string) => void
}

/** More bytes are edited as a file. */
const MAX_EDITED = 16 * 1024

/** Controls what the user writes: a text and its format, or the attachment in its place. */
export function createDraft(root: HTMLElement, field: HTMLTextAreaElement, options: DraftOptions) {
  const { history, onChange, onEdit, onType, onProblem } = options
  const layOut = element(root, '#format-json', HTMLButtonElement)
  const formats = element(root, '#formats', HTMLFieldSetElement)
  const grow = createGrowth(field)
  const format = createChoice(formats, edited)
  const attachment = createAttachment(root, field, { onChange, onProblem })
  const walk = createWalk(history, field, write)
  let isWriting = false

  const chosen = (): Format => (isFormat(format.value) ? format.value : 'text')

  function edited() {
    onChange()
    onEdit()
  }

  function write(text: string) {
    isWriting = true
    replaceText(field, text)
    isWriting = false
    edited()
  }

  /** Replaces the draft. The browser's undo brings the old text back. */
  function fill(draft: Draft) {
    attachment.set(undefined)
    walk.end()
    format.value = draft.format
    write(draft.message)
  }

  field.addEventListener('input', () => {
    if (isWriting) return
    walk.end()
    onType()
    edited()
  })
  field.addEventListener('keydown', event => {
    // While an input method is composing, it uses Enter and the arrow keys. Safari ends composing before this event.
    if (event.isComposing || event.keyCode === 229 || event.altKey || event.shiftKey) return
    if (event.key === 'Enter') {
      event.preventDefault()
      if (!event.repeat) field.form?.requestSubmit()
    } else if (!event.ctrlKey && !event.metaKey) walk.key(event)
  })
  layOut.addEventListener('click', () => {
    const formatted = formatJson(field.value)
    if ('problem' in formatted) onProblem(`Not valid JSON: ${formatted.problem}`)
    else write(formatted.text)
  })

  return {
    fill,
    read: (): Content => ({ format: chosen(), message: field.value, attached: attachment.get() }),

    /** Shows only the controls that the message needs. */
    show() {
      grow()
      formats.disabled = attachment.get() !== undefined
      layOut.hidden = formats.disabled || chosen() !== 'json'
    },

    /** Puts a message into the field, or as an attachment if it is long. */
    edit(message: Message) {
      const isText = typeof message === 'string'
      if (message.length > MAX_EDITED) attachment.set({ name: isText ? 'Long text' : 'Binary message', message })
      else fill(isText ? { format: 'text', message } : { format: 'hex', message: toHex(message) })
    },

    /** Removes what has been sent. The history keeps a text. */
    clear() {
      if (attachment.get()) return attachment.set(undefined)
      history.add(field.value)
      walk.end()
      write('')
    },
  }
}

/** Steps through the history by the arrow keys. */
function createWalk(history: History, field: HTMLTextAreaElement, write: (text: string) => void) {
  const walk = history.createWalk()
  /** Where the last step has left the caret; `undefined` without one. */
  let caret: number | undefined

  function step(event: Event, text: string | undefined) {
    if (text === undefined) return
    event.preventDefault()
    write(text)
    caret = field.selectionStart
  }

  return {
    key(event: KeyboardEvent) {
      const { key } = event
      if (key !== 'ArrowUp' && key !== 'ArrowDown') return
      if (caret !== field.selectionStart && !leavesText(field, key)) return
      step(event, key === 'ArrowUp' ? walk.older(field.value) : walk.newer())
    },

    end() {
      caret = undefined
      walk.end()
    },
  }
}
