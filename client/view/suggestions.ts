import { mayConnect } from '../core/link.ts'
import type { SessionState } from '../core/session.ts'
import { element } from './element.ts'

type SuggestionsOptions = {
  onSend: (text: string) => void
  onBurst: (count: number) => void
  /** Connects with these parameters in the address. */
  onQuery: (query: string) => void
}

/** Shows what to do first, as long as the log has no messages. */
export function createSuggestions(root: ParentNode, { onSend, onBurst, onQuery }: SuggestionsOptions) {
  const title = element(root, '#hint-title', HTMLElement)
  const text = element(root, '#hint-text', HTMLElement)
  const box = element(root, '#suggestions', HTMLElement)
  const buttons = [...box.querySelectorAll('button')]

  box.addEventListener('click', ({ target }) => {
    const { send, burst, query } = (target as HTMLElement).dataset
    if (send !== undefined) onSend(send)
    if (burst !== undefined) onBurst(Number(burst))
    if (query !== undefined) onQuery(query)
  })

  return {
    /** @param address the connected address, or the one in the field */
    show({ connection }: SessionState, address: string) {
      const isOwn = mayConnect(address, document.baseURI)
      const isConnected = connection === 'connected'
      box.hidden = !isOwn
      for (const button of buttons) button.disabled = !isConnected
      const [words, more] = isConnected
        ? isOwn
          ? [
              'Say something. This server sends it back.',
              `Connected to ${address}. Change the address above to test your own server, or make this one misbehave with Faults.`,
            ]
          : ['Connected. Nothing received yet.', `Connected to ${address}.`]
        : connection === 'connecting'
          ? ['Connecting…', `To ${address}`]
          : ['Not connected', 'Press CONNECT, or Enter in the message below.']
      title.textContent = words
      text.textContent = more
    },
  }
}
