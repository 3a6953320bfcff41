import { segments } from '../core/control-characters.ts'

const TOKEN = /("(?:\\.|[^"\\])*"?)(\s*:)?|-?\d[\d.eE+-]*|\b(?:true|false|null)\b/g

/** Returns the nodes of a text, in which invisible characters are visible. */
export function plain(text: string): (Node | string)[] {
  return segments(text, { keepLayout: true }).map(segment =>
    segment.isControl ? make('i', 'control', segment.text) : segment.text,
  )
}

/** Returns the nodes of JSON, or of its beginning, with each kind of value in a colour of its own. */
export function coloured(json: string): (Node | string)[] {
  const nodes: (Node | string)[] = []
  let end = 0
  for (const match of json.matchAll(TOKEN)) {
    const [token, string, colon] = match
    nodes.push(json.slice(end, match.index))
    const kind = colon !== undefined ? 'key' : string !== undefined ? 'string' : 'value'
    const span = make('span', kind)
    span.append(...plain(string ?? token))
    nodes.push(span, colon ?? '')
    end = match.index + token.length
  }
  return [...nodes, ...plain(json.slice(end))].filter(node => node !== '')
}

export function make(name: string, className = '', text = ''): HTMLElement {
  const made = document.createElement(name)
  if (className) made.className = className
  made.textContent = text
  return made
}

/** Creates a button that submits no form. */
export function makeButton(className: string, text = ''): HTMLButtonElement {
  const button = make('button', className, text) as HTMLButtonElement
  button.type = 'button'
  return button
}
