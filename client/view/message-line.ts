import { element } from './element.ts'
import { describe, isUnfinished, type Parsed } from './message-format.ts'
import type { Content } from './outbox.ts'

/** Controls the line below the message: the size and the kind of the message, or the problem. */
export function createLine(root: ParentNode, field: HTMLTextAreaElement) {
  const size = element(root, '#size', HTMLElement)
  const problem = element(root, '#message-problem', HTMLElement)

  function write(problemText: string, sizeText = '', isInvalid = problemText !== '') {
    if (problem.textContent !== problemText) problem.textContent = problemText
    problem.title = problemText
    size.textContent = sizeText
    field.ariaInvalid = String(isInvalid)
  }

  return {
    showProblem: (text: string) => write(text),

    /** Shows what was parsed. Until the user `isFinished` with a message, an unfinished one is no problem. */
    show(parsed: Parsed, { format, message, attached }: Content, isConnected: boolean, isFinished: boolean) {
      const hint = isConnected ? sendHint() : 'Enter connects, then sends'
      if (!parsed) write('', 'Loading the code for variables…')
      else if ('message' in parsed) {
        const isEmpty = parsed.message === '' && !attached
        const parts = isEmpty ? [hint] : [parsed.note, describe(format, parsed.message), !isConnected && hint]
        write(parsed.warning ?? '', parts.filter(Boolean).join(' · '), false)
      } else if (message === '' && !isFinished) write('', hint)
      else if (!isFinished && !parsed.isFinal && isUnfinished(format, message)) write('', 'unfinished')
      else write(parsed.problem)
    },
  }
}

const sendHint = () => (matchMedia('(pointer: coarse)').matches ? '' : 'Enter sends · Shift Enter breaks the line')
