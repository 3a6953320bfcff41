import type { SessionState } from '../core/session.ts'
import { element } from './element.ts'

export const WORDS = {
  connecting: 'Connecting…',
  connected: 'Connected',
  closing: 'Closing…',
  disconnected: 'Disconnected',
  waiting: 'Reconnecting',
}

export type State = keyof typeof WORDS

/** The state of a session, including waiting for the next attempt. */
export function stateOf({ connection, retryAt }: SessionState): State {
  return retryAt === undefined ? connection : 'waiting'
}

/** Shows the state of a session in its address bar. */
export function createStatus(root: ParentNode) {
  const status = element(root, '#status', HTMLElement)
  let timer: ReturnType<typeof setInterval> | undefined

  function hide() {
    clearInterval(timer)
  }

  return {
    /** @param elsewhere the connected address if the field has another one */
    show(session: SessionState, elsewhere: string | undefined) {
      const state = stateOf(session)
      const { retryAt } = session
      status.dataset.state = state
      // Writing the same text again would announce it again.
      if (status.textContent !== WORDS[state]) status.textContent = WORDS[state]
      if (elsewhere === undefined) delete status.dataset.elsewhere
      else status.dataset.elsewhere = `to ${elsewhere}`
      status.title = elsewhere === undefined ? '' : `${WORDS[state]} to ${elsewhere}`

      hide()
      delete status.dataset.countdown
      if (retryAt === undefined) return
      // As an attribute, since a screen reader would read out a text every second.
      const count = () => {
        status.dataset.countdown = `in ${Math.max(0, Math.ceil((retryAt - Date.now()) / 1000))} s`
      }
      count()
      timer = setInterval(count, 250)
    },

    /** Stops the countdown. */
    hide,
  }
}
