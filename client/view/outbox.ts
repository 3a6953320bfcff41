import type { Draft } from '../core/link.ts'
import type { Message } from '../core/message.ts'
import type { LoadVariables } from './variable-loader.ts'
import type { Replaced, TabVariables } from './variables.ts'

/** The message field as it was typed, or the file in its place. */
export type Content = Draft & { attached: Message | undefined }

type OutboxOptions = {
  load: LoadVariables
  /** Sends the message of a content. Returns whether it did. */
  deliver: (content: Content) => boolean
  /** Called when the variables have been loaded or cannot be, or have new values. */
  onChange: () => void
  /** Called with the contents that waited for the variables, and could not be sent. */
  onUnsent: (contents: Content[]) => void
}

// Firefox imports a module that it could not load only after a reload.
const NOT_LOADED = 'The code for {{variables}} could not be loaded. Reload the page when its server runs again.'

/** Replaces variables, whose code is loaded on demand, and sends messages in order while it loads. */
export function createOutbox({ load, deliver, onChange, onUnsent }: OutboxOptions) {
  let variables: TabVariables | undefined
  let isLoading = false
  let problem = ''
  let waiting: Content[] = []

  async function start() {
    if (isLoading) return
    isLoading = true
    try {
      variables = await load()
      variables.onChange(onChange)
      problem = ''
    } catch {
      problem = NOT_LOADED
    }
    isLoading = false
    const contents = waiting
    waiting = []
    const unsent = contents.filter(content => !deliver(content))
    onChange()
    if (unsent.length > 0) onUnsent(unsent)
  }

  return {
    /** Replaces the variables in a text. `undefined` while they are loading. */
    replace(text: string, isPreview: boolean): Replaced | undefined {
      if (!text.includes('{{')) return { text, note: '', warning: '' }
      if (variables) return isPreview ? variables.preview(text) : variables.replace(text)
      if (problem) return { problem }
      void start()
      return undefined
    },

    /** Tries again to load what could not be loaded. */
    retry: () => problem && void start(),

    get isWaiting() {
      return waiting.length > 0
    },

    /** Returns whether it has sent the content, or will send it after those before. */
    send(content: Content, isReady: boolean): boolean {
      if (isReady && waiting.length === 0) return deliver(content)
      waiting.push(content)
      return true
    },
  }
}
