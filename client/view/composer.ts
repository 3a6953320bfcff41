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

const MAX_LINES = 8

/** Controls the message field and SEND. The text stays in the field until `onSend` returns that it was sent. */
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

  /** Updates everything that depends on the message: the height of the field, the size, and the problem. */
  function refresh() {
    field.rows = Math.min(MAX_LINES, field.value.split('\n', MAX_LINES).length)
    field.hidden = attached !== undefined
    attachment.hidden = attached === undefined
    element(attachment, 'span', HTMLElement).textContent = attached?.name ?? ''
    const parsed = parse()
    showProblem('problem' in parsed ? `Not valid ${format.value}: ${parsed.problem}` : '')
    size.textContent = 'problem' in parsed ? '–' : formatSize(byteLength(parsed.message))
  }

  function showProblem(text: string) {
    if (problem.textContent !== text) problem.textContent = text
    field.ariaInvalid = String(text !== '')
  }

  function write(text: string) {
    field.value = text
    refresh()
    onEdit()
  }

  async function attach(file: File | undefined) {
    if (!file) return
    try {
      attached = { name: file.name, bytes: new Uint8Array(await file.arrayBuffer()) }
      refresh()
      send.focus()
    } catch (error) {
      showProblem(`Cannot read ${file.name}: ${(error as Error).message}`)
    }
  }

  function detach() {
    attached = undefined
    refresh()
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
    refresh()
    onEdit()
  })
  field.addEventListener('keydown', event => {
    // While an input method is composing, it uses Enter and the arrow keys.
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
    refresh()
    onEdit()
  })
  element(root, '#format-json', HTMLButtonElement).addEventListener('click', () => {
    const formatted = formatJson(field.value)
    if ('problem' in formatted) showProblem(`Not valid JSON: ${formatted.problem}`)
    else write(formatted.text)
  })

  element(root, '#pick', HTMLButtonElement).addEventListener('click', () => picker.click())
  picker.addEventListener('change', () => {
    void attach(picker.files?.[0])
    // Allows the same file to be picked again.
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
      refresh()
    },

    show({ connection }: SessionState) {
      const isClosed = connection !== 'connected'
      if (isClosed && document.activeElement === send) field.focus()
      send.disabled = isClosed
    },
  }
}
