import type { Draft } from '../core/link.ts'
import type { Message } from '../core/message.ts'
import type { Attached } from './attachment.ts'
import { type Parsed, parse } from './message-format.ts'
import type { LoadVariables } from './variable-loader.ts'
import type { Replaced, TabVariables } from './variables.ts'

/** The message field as it was typed, or the attachment in its place. */
export type Content = Draft & { attached: Attached | undefined }

type OutboxOptions = {
  load: LoadVariables
  /** Returns whether the message was sent. */
  onSend: (message: Message) => boolean
  /** Called when the variables have been loaded or cannot be, or have new values. */
  onChange: () => void
  /** Called with the contents that waited for the variables, and could not be sent. */
  onUnsent: (contents: Content[]) => void
}

// Firefox imports a module that it could not load only after a reload.
const NOT_LOADED = 'The code for {{variables}} could not be loaded. Reload the page when its server runs again.'

/** Replaces variables, whose code is loaded on demand, and sends messages in order while it loads. */
export function createOutbox({ load, onSend, onChange, onUnsent }: OutboxOptions) {
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

  /** Replaces the variables in a text. `undefined` while they are loading. */
  function replace(text: string, isPreview: boolean): Replaced | undefined {
    if (!text.includes('{{')) return { text, note: '', warning: '' }
    if (variables) return isPreview ? variables.preview(text) : variables.replace(text)
    if (problem) return { problem }
    void start()
    return undefined
  }

  function parseContent({ format, message, attached }: Content, isPreview = true): Parsed {
    if (attached) return attached
    if (format !== 'text' && format !== 'json') return parse(format, message)
    const replaced = replace(message, isPreview)
    if (!replaced) return undefined
    return 'problem' in replaced ? { ...replaced, isFinal: true } : { ...replaced, ...parse(format, replaced.text) }
  }

  /** Returns whether the message of a content was sent. */
  function deliver(content: Content): boolean {
    const parsed = parseContent(content, false)
    return parsed !== undefined && 'message' in parsed && onSend(parsed.message)
  }

  return {
    /** Returns the message of a content, with values for its variables. A preview does not count. */
    parse: parseContent,

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
