import { decode, type Encoding, encodings, guessEncoding } from '../core/decode.ts'
import { formatJson } from '../core/json.ts'
import { unfold } from '../core/line.ts'
import type { Message } from '../core/message.ts'
import { coloured, make, plain } from './highlight.ts'

/** Shows what a binary message contains: MessagePack, CBOR, or a compressed payload. */
export function createDecodeView(box: HTMLElement) {
  const view = make('details', 'more') as HTMLDetailsElement
  const encoding = make('select') as HTMLSelectElement
  const text = make('pre', 'code')
  const problem = make('p', 'problem')
  view.id = 'decode-view'
  encoding.ariaLabel = 'Encoding'
  encoding.append(...encodings.map(([value, name]) => new Option(name, value)))
  problem.role = 'alert'
  text.tabIndex = 0
  view.append(make('summary', '', 'Decode'), encoding, problem, text)
  box.append(view)
  let message: Message | undefined

  async function show() {
    const asked = message
    if (!view.open || asked === undefined || typeof asked === 'string') return
    const chosen = encoding.value
    const decoded = await decode(asked, chosen as Encoding)
    // Another message or encoding may have been chosen in the meantime.
    if (message !== asked || encoding.value !== chosen) return
    problem.textContent = 'problem' in decoded ? decoded.problem : ''
    if ('problem' in decoded) return text.replaceChildren()
    const json = typeof decoded.message === 'string' ? formatJson(decoded.message) : { problem: '' }
    const shown = unfold('text' in json ? json.text : decoded.message)
    const rest = shown.more ? `\n… and ${shown.more}` : decoded.isCut ? '\n… the rest was not decompressed' : ''
    text.replaceChildren(...('text' in json ? coloured(shown.text) : plain(shown.text)), rest)
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
