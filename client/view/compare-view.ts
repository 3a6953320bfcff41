import { compare } from '../core/compare.ts'
import type { Message } from '../core/message.ts'
import { make, plain } from './highlight.ts'

/** Compares the selected message with the one that was selected before. */
export function createCompareView(box: HTMLElement) {
  const view = make('details', 'more') as HTMLDetailsElement
  const lines = make('pre', 'code')
  view.id = 'compare-view'
  view.hidden = true
  lines.tabIndex = 0
  view.append(make('summary', '', 'Compare with the message selected before'), lines)
  box.append(view)
  let pair: [before: Message, now: Message] | undefined
  let selected: Message | undefined

  function show() {
    if (!view.open || !pair) return
    const differences = compare(...pair)
    if (!differences) return lines.replaceChildren('The messages are too long, or differ too much, to be compared.')
    const signs = { same: '  ', removed: '- ', added: '+ ' }
    lines.replaceChildren(
      ...differences.flatMap(({ kind, lines }) => {
        const part = make(kind === 'same' ? 'span' : kind === 'added' ? 'ins' : 'del')
        part.append(...plain(lines.map(line => `${signs[kind]}${line}\n`).join('')))
        return part
      }),
    )
  }

  view.addEventListener('toggle', show)

  return {
    select(next: Message | undefined) {
      if (next === selected) return
      pair = next !== undefined && selected !== undefined ? [selected, next] : undefined
      selected = next ?? selected
      view.hidden = pair === undefined
      show()
    },
  }
}
