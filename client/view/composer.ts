import type { History } from '../core/history.ts'
import type { Draft } from '../core/link.ts'
import type { Message } from '../core/message.ts'
import type { SessionState } from '../core/session.ts'
import { createDraft } from './draft.ts'
import { element } from './element.ts'
import { createLine } from './message-line.ts'
import { type Content, createOutbox } from './outbox.ts'
import type { LoadVariables } from './variable-loader.ts'

type ComposerOptions = {
  history: History
  onSend: (message: Message) => boolean
  /** Called by SEND and by Enter while there is no connection. */
  onConnect: () => void
  onEdit: () => void
  loadVariables: LoadVariables
}

/** Controls the message field and SEND. The text stays in the field until `onSend` returns that it was sent. */
export function createComposer(
  root: HTMLElement,
  { history, onSend, onConnect, onEdit, loadVariables }: ComposerOptions,
) {
  const field = element(root, '#message', HTMLTextAreaElement)
  const line = createLine(root, field)
  const outbox = createOutbox({ load: loadVariables, onSend, onChange: refresh, onUnsent })
  const draft = createDraft(root, field, {
    history,
    onChange: refresh,
    onEdit,
    onType() {
      if (connection === 'awaited') connection = 'none'
      outbox.retry()
    },
    onProblem: line.showProblem,
  })
  /** As soon as an awaited connection is open, the message is sent. */
  let connection: 'none' | 'awaited' | 'open' = 'none'

  /** Updates everything that depends on the message. */
  function refresh(isFinished = false) {
    draft.show()
    const content = draft.read()
    const parsed = outbox.parse(content)
    line.show(outbox.isWaiting ? undefined : parsed, content, connection === 'open', isFinished)
  }

  /** Brings the first of these messages back, unless another one is in the field. */
  function onUnsent([first]: Content[]) {
    const { message, attached } = draft.read()
    if (first && message === '' && !attached) draft.fill(first)
    else line.showProblem('A message with variables was not sent. ArrowUp brings it back.')
  }

  function submit() {
    const content = draft.read()
    const parsed = outbox.parse(content)
    outbox.retry()
    if (parsed && 'problem' in parsed) refresh(true)
    else if (connection !== 'open') {
      connection = 'awaited'
      onConnect()
    } else if (outbox.send(content, parsed !== undefined)) draft.clear()
    field.focus()
  }

  element(root, '#composer', HTMLFormElement).addEventListener('submit', event => {
    event.preventDefault()
    submit()
  })
  // Values may have changed in the panel or in another tab.
  field.addEventListener('focus', () => refresh())
  // An attachment hides the field, which may take the focus from it.
  field.addEventListener('blur', () => draft.read().attached || refresh(field.value !== ''))

  element(root, '#send', HTMLButtonElement).disabled = false
  refresh()

  return {
    focus: () => field.focus(),

    read(): Draft {
      const { format, message } = draft.read()
      return { format, message }
    },

    fill: draft.fill,

    content: draft.read,
    parse: outbox.parse,
    showProblem: line.showProblem,

    /** Puts a message into the field, or as an attachment if it is long. */
    edit(message: Message) {
      draft.edit(message)
      field.focus()
    },

    show({ connection: next, retryAt }: SessionState) {
      const before = connection
      if (next === 'connected') connection = 'open'
      else if (before === 'open' || (next === 'disconnected' && retryAt === undefined)) connection = 'none'
      if ((before === 'open') !== (connection === 'open')) refresh()
      if (before === 'awaited' && connection === 'open') submit()
    },
  }
}
