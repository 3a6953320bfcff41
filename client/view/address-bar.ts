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

/** Controls the server's address, CONNECT and DISCONNECT (only one of which is visible), and their options. */
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
    const brokenRule = checkClose(/^\d+$/.test(code.value) ? Number(code.value) : Number.NaN, reason.value)
    problem.textContent = brokenRule ?? ''
    for (const field of [code, reason]) field.ariaInvalid = String(brokenRule !== undefined)
    return brokenRule === undefined
  }

  const submit = () => onConnect(url.value.trim(), protocols.value.split(/[\s,]+/).filter(Boolean))

  disconnect.addEventListener('click', () => checkClosing() && onDisconnect(Number(code.value), reason.value))
  for (const button of [connect, disconnect]) {
    // The two buttons swap places, so the second click of a double click or a held key would hit the other one.
    button.addEventListener('click', event => event.detail > 1 && cancel(event), { capture: true })
    button.addEventListener('keydown', event => event.repeat && cancel(event))
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
      // Connecting is possible while closing, because some servers never answer the close frame.
      const canConnect = (connection === 'closing' || connection === 'disconnected') && retryAt === undefined
      const [shown, hidden] = canConnect ? [connect, disconnect] : [disconnect, connect]
      const hadFocus = document.activeElement === hidden
      shown.hidden = false
      hidden.hidden = true
      if (hadFocus) shown.focus()
    },
  }
}

function cancel(event: Event): void {
  event.preventDefault()
  event.stopImmediatePropagation()
}
