import type { SessionState } from '../core/session.ts'
import { element } from './element.ts'

const WORDS = {
  connecting: 'Connecting…',
  connected: 'Connected',
  closing: 'Closing…',
  disconnected: 'Disconnected',
  waiting: 'Reconnecting',
}

/** The word for a session's state. */
export function stateOf({ connection, retryAt }: SessionState): keyof typeof WORDS {
  return retryAt === undefined ? connection : 'waiting'
}

/** The state of the session that is shown, in words, here and in the page's title. */
export function createStatus() {
  const status = element(document, '#status', HTMLElement)
  const { title } = document
  let timer: ReturnType<typeof setInterval> | undefined

  return {
    show(session: SessionState) {
      const state = stateOf(session)
      const { retryAt } = session
      status.dataset.state = state
      // Written anew, it would be announced anew.
      if (status.textContent !== WORDS[state]) status.textContent = WORDS[state]
      document.title = `${WORDS[state]} – ${title}`

      clearInterval(timer)
      delete status.dataset.countdown
      if (retryAt === undefined) return
      // Not as text: a screen reader would speak at every second.
      const count = () => {
        status.dataset.countdown = `in ${Math.max(0, Math.ceil((retryAt - Date.now()) / 1000))} s`
      }
      count()
      timer = setInterval(count, 250)
    },
  }
}
