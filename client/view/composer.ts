import type { ConnectionState } from '../core/connection.ts'
import { element } from './element.ts'

/** The field for a message, and SEND. What was typed stays until `onSend` tells that it was sent. */
export function createComposer(onSend: (message: string) => boolean) {
  const message = element('#message', HTMLInputElement)
  const send = element('#send', HTMLButtonElement)

  element('#composer', HTMLFormElement).addEventListener('submit', event => {
    event.preventDefault()
    if (onSend(message.value)) message.value = ''
    message.focus()
  })
  message.focus()

  return {
    show(state: ConnectionState) {
      const isClosed = state !== 'connected'
      if (isClosed && document.activeElement === send) message.focus()
      send.disabled = isClosed
    },
  }
}
