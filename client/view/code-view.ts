import { type CodeRequest, type Language, languages, toCode } from '../core/code.ts'
import { createCopyButton } from './copy-button.ts'
import { make, makeButton } from './highlight.ts'

/** A page takes seconds to show a longer one. In characters or bytes. */
const MAX_MESSAGE = 64 * 1024

/** Shows the connection and the message as code in a language of one's choice. */
export function createCodeView(box: HTMLElement, request: () => CodeRequest) {
  const view = make('details', 'more') as HTMLDetailsElement
  const language = make('select') as HTMLSelectElement
  const copier = makeButton('secondary', 'Copy the code')
  const note = make('p', 'note')
  const code = make('pre', 'code')
  view.id = 'code-view'
  language.ariaLabel = 'Language'
  language.append(...languages.map(([value, name]) => new Option(name, value)))
  code.tabIndex = 0
  view.append(make('summary', '', 'As code'), language, copier, note, code)
  box.append(view)

  function show() {
    if (!view.open) return
    const { message, ...connection } = request()
    const isLong = message !== undefined && message.length > MAX_MESSAGE
    note.textContent = isLong ? 'The message is too long for the code. Save it as a file, and read it from there.' : ''
    code.textContent = toCode(language.value as Language, {
      ...connection,
      ...(message !== undefined && !isLong && { message }),
    })
  }

  view.addEventListener('toggle', show)
  language.addEventListener('change', show)
  createCopyButton(copier, code, () => code.textContent ?? '')

  return { show }
}
