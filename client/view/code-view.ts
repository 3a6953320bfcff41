import { type CodeRequest, type Language, languages, toCode } from '../core/code.ts'
import { copy } from './clipboard.ts'
import { make } from './highlight.ts'

/** Shows the connection and the message as code in a language of one's choice. */
export function createCodeView(box: HTMLElement, request: () => CodeRequest) {
  const view = make('details', 'more') as HTMLDetailsElement
  const language = make('select') as HTMLSelectElement
  const copier = make('button', 'secondary', 'Copy the code') as HTMLButtonElement
  const code = make('pre', 'code')
  view.id = 'code-view'
  language.ariaLabel = 'Language'
  language.append(...languages.map(([value, name]) => new Option(name, value)))
  copier.type = 'button'
  code.tabIndex = 0
  view.append(make('summary', '', 'As code'), language, copier, code)
  box.append(view)

  function show() {
    if (view.open) code.textContent = toCode(language.value as Language, request())
    copier.textContent = 'Copy the code'
  }

  view.addEventListener('toggle', show)
  language.addEventListener('change', show)
  copier.addEventListener('click', async () => {
    const isCopied = await copy(code.textContent ?? '', code)
    copier.textContent = isCopied ? 'Copied' : 'Copy failed'
  })

  return { show }
}
