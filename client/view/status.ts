import type { SessionState } from '../core/session.ts'
import { element } from './element.ts'

const WORDS = {
  connecting: 'Connecting…',
  connected: 'Connected',
  closing: 'Closing…',
  disconnected: 'Disconnected',
  waiting: 'Reconnecting',
}

/** The state of a session, including waiting for the next attempt. */
export function stateOf({ connection, retryAt }: SessionState): keyof typeof WORDS {
  return retryAt === undefined ? connection : 'waiting'
}

/** Shows the state of the selected session, in the page and in its title. */
export function createStatus() {
  const status = element(document, '#status', HTMLElement)
  const { title } = document
  let timer: ReturnType<typeof setInterval> | undefined

  return {
    show(session: SessionState) {
      const state = stateOf(session)
      const { retryAt } = session
      status.dataset.state = state
      // Writing the same text again would announce it again.
      if (status.textContent !== WORDS[state]) status.textContent = WORDS[state]
      document.title = `${WORDS[state]} – ${title}`

      clearInterval(timer)
      delete status.dataset.countdown
      if (retryAt === undefined) return
      // As an attribute, since a screen reader would read out a text every second.
      const count = () => {
        status.dataset.countdown = `in ${Math.max(0, Math.ceil((retryAt - Date.now()) / 1000))} s`
      }
      count()
      timer = setInterval(count, 250)
    },
  }
}
