import { byteLength, formatSize, parseBase64, parseHex, toHex } from '../core/bytes.ts'
import type { History } from '../core/history.ts'
import { formatJson, isJson } from '../core/json.ts'
import { fold } from '../core/line.ts'
import { type Draft, type Format, isFormat } from '../core/link.ts'
import type { Message } from '../core/message.ts'
import type { SessionState } from '../core/session.ts'
import { createAttachment } from './attachment.ts'
import { createChoice } from './choice.ts'
import { element } from './element.ts'
import { createGrowth, leavesText, replaceText } from './message-field.ts'
import { type Content, createOutbox } from './outbox.ts'
import type { Capture } from './repeat-form.ts'
import type { LoadVariables } from './variable-loader.ts'

type ComposerOptions = {
  history: History
  onSend: (message: Message) => boolean
  /** Called by SEND and by Enter while there is no connection. */
  onConnect: () => void
  onEdit: () => void
  loadVariables: LoadVariables
}

/** A message that can be sent, or why not. `undefined` while its variables are loading. */
type Parsed = { message: Message; note?: string; warning?: string } | { problem: string; isFinal?: true } | undefined

/** More text is not checked for JSON at each key. In characters. */
const MAX_CHECKED = 64 * 1024
/** More bytes are edited as a file. */
const MAX_EDITED = 16 * 1024

/** Controls the message field and SEND. The text stays in the field until `onSend` returns that it was sent. */
export function createComposer(
  root: HTMLElement,
  { history, onSend, onConnect, onEdit, loadVariables }: ComposerOptions,
) {
  const form = element(root, '#composer', HTMLFormElement)
  const field = element(root, '#message', HTMLTextAreaElement)
  const send = element(root, '#send', HTMLButtonElement)
  const line = createLine(root, field)
  const layOut = element(root, '#format-json', HTMLButtonElement)
  const grow = createGrowth(field)
  const formats = element(root, '#formats', HTMLFieldSetElement)
  const format = createChoice(formats, () => {
    refresh()
    onEdit()
  })
  const attachment = createAttachment(root, field, { onChange: refresh, onProblem: text => line.show(text) })
  const walk = createWalk(history, field, text => write(text))
  let isWriting = false
  let isConnected = false
  /** Whether to send as soon as there is a connection. */
  let isWaiting = false

  const chosen = (): Format => (isFormat(format.value) ? format.value : 'text')
  const content = (): Content => ({ format: chosen(), message: field.value, attached: attachment.message })
  const outbox = createOutbox({
    load: loadVariables,
    onChange: refresh,
    onUnsent,
    deliver(content) {
      const parsed = parse(content, false)
      return parsed !== undefined && 'message' in parsed && onSend(parsed.message)
    },
  })

  /** A preview does not count. */
  function parse({ format, message, attached }: Content, isPreview = true): Parsed {
    if (attached !== undefined) return { message: attached }
    if (format !== 'text' && format !== 'json') return read(format, message)
    const replaced = outbox.replace(message, isPreview)
    if (!replaced) return undefined
    return 'problem' in replaced ? { ...replaced, isFinal: true } : { ...replaced, ...read(format, replaced.text) }
  }

  /** Updates everything that depends on the message. */
  function refresh(isFinished = false) {
    grow()
    formats.disabled = attachment.message !== undefined
    layOut.hidden = chosen() !== 'json' || attachment.message !== undefined
    const parsed = parse(content())
    if (!parsed || outbox.isWaiting) line.show('', 'Loading the code for variables…')
    else if ('message' in parsed) line.show(parsed.warning ?? '', sizeOf(parsed.message, parsed.note), false)
    else if (field.value === '' && !isFinished) line.show('', hint())
    else if (!isFinished && !parsed.isFinal && isUnfinished(chosen(), field.value)) line.show('', 'unfinished')
    else line.show(parsed.problem)
  }

  /** Brings the first of these messages back, unless another one is in the field. */
  function onUnsent([first]: Content[]) {
    if (first && field.value === '' && attachment.message === undefined) fill(first)
    else line.show('A message with variables was not sent. ArrowUp brings it back.')
  }

  function sizeOf(message: Message, note = ''): string {
    if (message === '' && attachment.message === undefined) return hint()
    return [note, describe(chosen(), message), isConnected ? '' : hint()].filter(Boolean).join(' · ')
  }

  function hint(): string {
    if (!isConnected) return 'Enter connects, then sends'
    return matchMedia('(pointer: coarse)').matches ? '' : 'Enter sends · Shift Enter breaks the line'
  }

  function write(text: string) {
    isWriting = true
    replaceText(field, text)
    isWriting = false
    refresh()
    onEdit()
  }

  /** Replaces the draft. The browser's undo brings the old text back. */
  function fill(draft: Draft) {
    attachment.set(undefined)
    walk.end()
    format.value = draft.format
    write(draft.message)
  }

  function submit() {
    const parsed = parse(content())
    outbox.retry()
    if (parsed && 'problem' in parsed) refresh(true)
    else if (!isConnected) {
      isWaiting = true
      onConnect()
    } else if (outbox.send(content(), parsed !== undefined)) {
      if (attachment.message === undefined) {
        history.add(field.value)
        walk.end()
        write('')
      } else attachment.set(undefined)
    }
    field.focus()
  }

  form.addEventListener('submit', event => {
    event.preventDefault()
    submit()
  })
  field.addEventListener('input', () => {
    if (isWriting) return
    isWaiting = false
    walk.end()
    outbox.retry()
    refresh()
    onEdit()
  })
  // Values may have changed in the panel or in another tab.
  field.addEventListener('focus', () => refresh())
  // An attachment hides the field, which may take the focus from it.
  field.addEventListener('blur', () => attachment.message === undefined && refresh(field.value !== ''))
  field.addEventListener('keydown', event => {
    // While an input method is composing, it uses Enter and the arrow keys. Safari ends composing before this event.
    if (event.isComposing || event.keyCode === 229 || event.altKey || event.shiftKey) return
    if (event.key === 'Enter') {
      event.preventDefault()
      if (!event.repeat) submit()
    } else if (!event.ctrlKey && !event.metaKey) walk.key(event)
  })
  layOut.addEventListener('click', () => {
    const formatted = formatJson(field.value)
    if ('problem' in formatted) line.show(`Not valid JSON: ${formatted.problem}`)
    else write(formatted.text)
  })

  send.disabled = false
  refresh()

  return {
    focus: () => field.focus(),
    read: (): Draft => ({ format: chosen(), message: field.value }),

    fill,

    /** Returns a function that creates the message in the field again, even when another text is in it. */
    capture: (): ReturnType<Capture> => {
      const captured = content()
      const first = parse(captured)
      if (!first || 'problem' in first) return first ?? { problem: 'The code for variables is loading. Start again.' }
      const { message, attached } = captured
      return {
        subject: attached === undefined ? `“${fold(message).text}”` : attachment.name,
        create() {
          const next = parse(captured, false)
          if (next && 'message' in next) return next.message
          if (next) line.show(next.problem)
          return undefined
        },
      }
    },

    /** Puts a message into the field, or as an attachment if it is long. */
    edit(message: Message) {
      const isText = typeof message === 'string'
      if (message.length > MAX_EDITED) attachment.set({ name: isText ? 'Long text' : 'Binary message', message })
      else fill(isText ? { format: 'text', message } : { format: 'hex', message: toHex(message) })
      field.focus()
    },

    show({ connection, retryAt }: SessionState) {
      const wasConnected = isConnected
      isConnected = connection === 'connected'
      if (isConnected !== wasConnected) refresh()
      if (isConnected && isWaiting) {
        isWaiting = false
        submit()
      } else if (connection === 'disconnected' && retryAt === undefined) isWaiting = false
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

/** Controls the line below the message: the size and the kind of the message, or the problem. */
function createLine(root: ParentNode, field: HTMLTextAreaElement) {
  const size = element(root, '#size', HTMLElement)
  const problem = element(root, '#message-problem', HTMLElement)

  return {
    show(problemText: string, sizeText = '', isInvalid = problemText !== '') {
      if (problem.textContent !== problemText) problem.textContent = problemText
      problem.title = problemText
      size.textContent = sizeText
      field.ariaInvalid = String(isInvalid)
    },
  }
}

function read(format: Format, text: string): { message: Message } | { problem: string } {
  if (format === 'text') return { message: text }
  if (format === 'json') {
    const formatted = formatJson(text)
    return 'problem' in formatted ? { problem: `Not valid JSON: ${formatted.problem}` } : { message: text }
  }
  const parsed = format === 'hex' ? parseHex(text) : parseBase64(text)
  return 'problem' in parsed ? { problem: `Not valid ${format}: ${parsed.problem}` } : { message: parsed.bytes }
}

const ENDINGS: Record<Format, string[]> = { text: [], json: [], hex: ['0', '00'], base64: ['A', 'AA', '=', '=='] }

/** Whether some more digits would make the text valid. JSON is unfinished most of the time. */
const isUnfinished = (format: Format, text: string) =>
  format === 'json' || ENDINGS[format].some(ending => 'message' in read(format, text + ending))

function describe(format: Format, message: Message): string {
  const size = formatSize(byteLength(message))
  if (typeof message !== 'string') return `${size} · binary`
  const isValid = format === 'json' || (message.length <= MAX_CHECKED && isJson(message))
  return isValid ? `${size} · valid JSON` : size
}
