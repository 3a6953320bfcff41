import type { ConnectionState } from '../core/connection.ts'
import { element } from './element.ts'

const WORDS: Record<ConnectionState, string> = {
  connecting: 'Connecting…',
  connected: 'Connected',
  closing: 'Closing…',
  disconnected: 'Disconnected',
}

/** The connection's state in words. */
export function createStatus() {
  const status = element('#status', HTMLElement)

  return {
    show(state: ConnectionState) {
      status.dataset.state = state
      status.textContent = WORDS[state]
    },
  }
}
