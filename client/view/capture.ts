import { fold } from '../core/line.ts'
import type { Message } from '../core/message.ts'
import type { Parsed } from './message-format.ts'
import type { Content } from './outbox.ts'

/** The message in the field. */
export type MessageSource = {
  content: () => Content
  /** Returns the message of a content, with values for its variables. A preview does not count. */
  parse: (content: Content, isPreview?: boolean) => Parsed
  showProblem: (text: string) => void
}

/** A function that creates a message again and again, and the message in short. */
type Captured = { create: () => Message | undefined; subject: string }

/** Captures the message in the field, so that it can be created even when another text is in it. */
export function capture({ content, parse, showProblem }: MessageSource): Captured | { problem: string } {
  const captured = content()
  const first = parse(captured)
  if (!first || 'problem' in first) return first ?? { problem: 'The code for variables is loading. Start again.' }
  return {
    subject: captured.attached?.name ?? `“${fold(captured.message).text}”`,
    create() {
      const next = parse(captured, false)
      if (next && 'message' in next) return next.message
      if (next) showProblem(next.problem)
      return undefined
    },
  }
}
