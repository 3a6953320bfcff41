import { decode, type Encoding, encodings, guessEncoding } from '../core/decode.ts'
import type { Message } from '../core/message.ts'
import { createContentView } from './content-view.ts'
import { make } from './highlight.ts'

/** Shows what a binary message contains: MessagePack, CBOR, or a compressed payload. */
export function createDecodeView(box: HTMLElement) {
  const view = make('details', 'more') as HTMLDetailsElement
  const encoding = make('select') as HTMLSelectElement
  const problem = make('p', 'problem')
  const cut = make('p', 'note')
  const decoded = make('div', 'content')
  view.id = 'decode-view'
  encoding.ariaLabel = 'Encoding'
  encoding.append(...encodings.map(([value, name]) => new Option(name, value)))
  problem.role = 'alert'
  view.append(make('summary', '', 'Decode'), encoding, problem, cut, decoded)
  box.append(view)
  const content = createContentView(decoded, 'decoded')
  let message: Message | undefined

  async function show() {
    const asked = message
    if (!view.open || asked === undefined || typeof asked === 'string') return
    const chosen = encoding.value
    const result = await decode(asked, chosen as Encoding)
    // Another message or encoding may have been chosen in the meantime.
    if (message !== asked || encoding.value !== chosen) return
    decoded.hidden = 'problem' in result
    problem.textContent = 'problem' in result ? result.problem : ''
    if ('problem' in result) return
    cut.hidden = !result.isCut
    cut.textContent = 'Only the first 16 MiB were decompressed.'
    content.show(result.message)
  }

  view.addEventListener('toggle', () => void show())
  encoding.addEventListener('change', () => void show())

  return {
    select(next: Message | undefined) {
      if (next === message) return
      message = next
      const isBinary = next !== undefined && typeof next !== 'string'
      view.hidden = !isBinary
      if (isBinary) encoding.value = guessEncoding(next) ?? encoding.value
      void show()
    },
  }
}
