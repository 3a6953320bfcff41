import { checkClose } from '../core/close-code.ts'
import type { SessionState } from '../core/session.ts'
import { createDisclosure } from './disclosure.ts'
import { element } from './element.ts'

type AddressBarOptions = {
  onConnect: (address: string, protocols: string[]) => void
  onDisconnect: (code: number, reason: string) => void
  onReconnect: (isOn: boolean) => void
  onEdit: () => void
}

/** The server's address with CONNECT and DISCONNECT, which take turns at one place, and what goes with either. */
export function createAddressBar(
  root: ParentNode,
  { onConnect, onDisconnect, onReconnect, onEdit }: AddressBarOptions,
) {
  const form = element(root, '#address', HTMLFormElement)
  const url = element(root, '#url', HTMLInputElement)
  const connect = element(root, '#connect', HTMLButtonElement)
  const disconnect = element(root, '#disconnect', HTMLButtonElement)
  const protocols = element(root, '#protocols', HTMLInputElement)
  const reconnect = element(root, '#reconnect', HTMLInputElement)
  const code = element(root, '#close-code', HTMLInputElement)
  const reason = element(root, '#close-reason', HTMLInputElement)
  const problem = element(root, '#close-problem', HTMLElement)

  createDisclosure(root, '#options-toggle')

  function checkClosing() {
    const broken = checkClose(/^\d+$/.test(code.value) ? Number(code.value) : Number.NaN, reason.value)
    problem.textContent = broken ?? ''
    for (const field of [code, reason]) field.ariaInvalid = String(broken !== undefined)
    return broken === undefined
  }

  const submit = () => onConnect(url.value.trim(), protocols.value.split(/[\s,]+/).filter(Boolean))

  disconnect.addEventListener('click', () => checkClosing() && onDisconnect(Number(code.value), reason.value))
  for (const button of [connect, disconnect]) {
    // They share one place: what follows of a double click or a held key is meant for neither.
    button.addEventListener('click', event => event.detail > 1 && halt(event), { capture: true })
    button.addEventListener('keydown', event => event.repeat && halt(event))
  }
  form.addEventListener('submit', event => {
    event.preventDefault()
    submit()
  })
  form.addEventListener('input', onEdit)
  for (const field of [code, reason]) field.addEventListener('input', checkClosing)
  reconnect.addEventListener('change', () => onReconnect(reconnect.checked))

  return {
    submit,

    show({ connection, retryAt }: SessionState) {
      // Also while closing: a server that never answers the close frame can't hold up the next connection.
      const canConnect = (connection === 'closing' || connection === 'disconnected') && retryAt === undefined
      const [shown, gone] = canConnect ? [connect, disconnect] : [disconnect, connect]
      const hadFocus = document.activeElement === gone
      shown.hidden = false
      gone.hidden = true
      if (hadFocus) shown.focus()
    },
  }
}

function halt(event: Event): void {
  event.preventDefault()
  event.stopImmediatePropagation()
}
