import { mayConnect } from '../core/link.ts'
import type { SessionState } from '../core/session.ts'
import { element } from './element.ts'

type SuggestionsOptions = {
  onSend: (text: string) => void
  onBurst: (count: number) => void
  /** Connects with these parameters in the address. */
  onQuery: (query: string) => void
  onOpenFaults: () => void
}

/** Shows what to do first, as long as the log has no messages. */
export function createSuggestions(root: ParentNode, { onSend, onBurst, onQuery, onOpenFaults }: SuggestionsOptions) {
  const title = element(root, '#hint-title', HTMLElement)
  const text = element(root, '#hint-text span', HTMLElement)
  const faults = element(root, '#open-faults', HTMLButtonElement)
  const box = element(root, '#suggestions', HTMLElement)
  const buttons = [...box.querySelectorAll('button')]

  box.addEventListener('click', ({ target }) => {
    const { send, burst, query } = (target as HTMLElement).dataset
    if (send !== undefined) onSend(send)
    if (burst !== undefined) onBurst(Number(burst))
    if (query !== undefined) onQuery(query)
  })

  faults.addEventListener('click', onOpenFaults)

  return {
    /** @param address the connected address, or the one in the field */
    show(state: SessionState, address: string, hasReceived: boolean) {
      const isOwn = mayConnect(address, document.baseURI)
      box.hidden = !isOwn
      for (const button of buttons) button.disabled = state.connection !== 'connected'
      const [words, more] = hint(state, address, isOwn, hasReceived)
      title.textContent = words
      text.textContent = more
      faults.hidden = !isOwn || state.connection !== 'connected'
    },
  }
}

/** Returns a title and a sentence. */
function hint(
  { connection, retryAt }: SessionState,
  address: string,
  isOwn: boolean,
  hasReceived: boolean,
): [string, string] {
  if (connection === 'connecting') return ['Connecting…', `To ${address}`]
  if (connection === 'connected' && isOwn) {
    const more = 'Change the address above to test your own server, or make this one misbehave:'
    return ['Say something, and see what comes back.', `Connected to ${address}. ${more}`]
  }
  const title = hasReceived ? 'Connected. The log is empty.' : 'Connected. Nothing received yet.'
  if (connection === 'connected') return [title, `Connected to ${address}.`]
  if (retryAt !== undefined) return ['Not connected', 'The page keeps trying. DISCONNECT stops it.']
  return ['Not connected', 'Press CONNECT, or Enter in the message below.']
}
