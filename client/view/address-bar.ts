import type { ConnectionState } from '../core/connection.ts'
import { element } from './element.ts'

type AddressBarOptions = {
  address: string
  onConnect: (address: string) => void
  onDisconnect: () => void
}

/** The server's address with CONNECT and DISCONNECT, which take turns at one place. */
export function createAddressBar({ address, onConnect, onDisconnect }: AddressBarOptions) {
  const url = element('#url', HTMLInputElement)
  const connect = element('#connect', HTMLButtonElement)
  const disconnect = element('#disconnect', HTMLButtonElement)

  url.value = address
  disconnect.addEventListener('click', onDisconnect)
  for (const button of [connect, disconnect]) {
    // They share one place: what follows of a double click or a held key is meant for neither.
    button.addEventListener('click', event => event.detail > 1 && halt(event), { capture: true })
    button.addEventListener('keydown', event => event.repeat && halt(event))
  }
  element('#address', HTMLFormElement).addEventListener('submit', event => {
    event.preventDefault()
    onConnect(url.value)
  })

  return {
    show(state: ConnectionState) {
      // Also while closing: a server that never answers the close frame can't hold up the next connection.
      const canConnect = state === 'closing' || state === 'disconnected'
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
