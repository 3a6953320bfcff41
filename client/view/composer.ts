import { byteLength, formatSize, parseBase64, parseHex } from '../core/bytes.ts'
import type { History } from '../core/history.ts'
import { formatJson } from '../core/json.ts'
import type { Draft, Format } from '../core/link.ts'
import type { Message } from '../core/message.ts'
import type { SessionState } from '../core/session.ts'
import { createDisclosure } from './disclosure.ts'
import { element } from './element.ts'

type ComposerOptions = {
  history: History
  onSend: (message: Message) => boolean
  onEdit: () => void
}

const MOST_LINES = 8

/** The field for a message, and SEND. What was typed stays until `onSend` tells that it was sent. */
export function createComposer(root: HTMLElement, { history, onSend, onEdit }: ComposerOptions) {
  const form = element(root, '#composer', HTMLFormElement)
  const field = element(root, '#message', HTMLTextAreaElement)
  const send = element(root, '#send', HTMLButtonElement)
  const format = element(root, '#format', HTMLSelectElement)
  const size = element(root, '#size', HTMLElement)
  const problem = element(root, '#message-problem', HTMLElement)
  const picker = element(root, '#file', HTMLInputElement)
  const attachment = element(root, '#attachment', HTMLElement)
  const walk = history.createWalk()
  let attached: { name: string; bytes: Uint8Array<ArrayBuffer> } | undefined

  createDisclosure(root, '#more')

  function parse(): { message: Message } | { problem: string } {
    if (attached) return { message: attached.bytes }
    if (format.value === 'text') return { message: field.value }
    const parsed = format.value === 'hex' ? parseHex(field.value) : parseBase64(field.value)
    return 'problem' in parsed ? parsed : { message: parsed.bytes }
  }

  /** Shows what the field holds: its lines, its size, and what is wrong with it. */
  function look() {
    field.rows = Math.min(MOST_LINES, field.value.split('\n', MOST_LINES).length)
    field.hidden = attached !== undefined
    attachment.hidden = attached === undefined
    element(attachment, 'span', HTMLElement).textContent = attached?.name ?? ''
    const parsed = parse()
    complain('problem' in parsed ? `Not ${format.value}: ${parsed.problem}` : '')
    size.textContent = 'problem' in parsed ? '–' : formatSize(byteLength(parsed.message))
  }

  function complain(text: string) {
    if (problem.textContent !== text) problem.textContent = text
    field.ariaInvalid = String(text !== '')
  }

  function write(text: string) {
    field.value = text
    look()
    onEdit()
  }

  async function attach(file: File | undefined) {
    if (!file) return
    try {
      attached = { name: file.name, bytes: new Uint8Array(await file.arrayBuffer()) }
      look()
      send.focus()
    } catch (error) {
      complain(`${file.name} can't be read: ${(error as Error).message}`)
    }
  }

  function detach() {
    attached = undefined
    look()
    field.focus()
  }

  form.addEventListener('submit', event => {
    event.preventDefault()
    const parsed = parse()
    if ('message' in parsed && onSend(parsed.message)) {
      if (attached) return detach()
      history.add(field.value)
      walk.end()
      write('')
    }
    field.focus()
  })

  field.addEventListener('input', () => {
    walk.end()
    look()
    onEdit()
  })
  field.addEventListener('keydown', event => {
    // While an input method composes, Enter and the arrows belong to it.
    if (event.isComposing || event.altKey || event.ctrlKey || event.metaKey || event.shiftKey) return
    if (event.key === 'Enter') {
      event.preventDefault()
      form.requestSubmit(send.disabled ? null : send)
    } else if (event.key === 'ArrowUp' && !field.value.slice(0, field.selectionStart).includes('\n')) {
      step(event, walk.older(field.value))
    } else if (event.key === 'ArrowDown' && !field.value.slice(field.selectionEnd).includes('\n')) {
      step(event, walk.newer())
    }
  })

  function step(event: Event, text: string | undefined) {
    if (text === undefined) return
    event.preventDefault()
    write(text)
    field.setSelectionRange(text.length, text.length)
  }

  format.addEventListener('change', () => {
    look()
    onEdit()
  })
  element(root, '#format-json', HTMLButtonElement).addEventListener('click', () => {
    const formatted = formatJson(field.value)
    if ('problem' in formatted) complain(`Not JSON: ${formatted.problem}`)
    else write(formatted.text)
  })

  element(root, '#pick', HTMLButtonElement).addEventListener('click', () => picker.click())
  picker.addEventListener('change', () => {
    void attach(picker.files?.[0])
    // So that the same file can be picked again.
    picker.value = ''
  })
  element(attachment, 'button', HTMLButtonElement).addEventListener('click', detach)
  root.addEventListener('dragover', event => event.preventDefault())
  root.addEventListener('drop', event => {
    event.preventDefault()
    void attach(event.dataTransfer?.files[0])
  })

  return {
    focus: () => field.focus(),
    read: (): Draft => ({ format: format.value as Format, message: field.value }),

    fill(draft: Draft) {
      attached = undefined
      walk.end()
      format.value = draft.format
      field.value = draft.message
      look()
    },

    show({ connection }: SessionState) {
      const isClosed = connection !== 'connected'
      if (isClosed && document.activeElement === send) field.focus()
      send.disabled = isClosed
    },
  }
}
