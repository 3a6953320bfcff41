import { count, separated } from '../core/count.ts'
import { createHexView, type HexView } from '../core/hex-view.ts'
import type { Message } from '../core/message.ts'
import { make, makeButton } from './highlight.ts'

/** Bytes in a row: as many as fit the panel. */
const WIDTH = 8
const ROWS = 512

/** Shows the bytes of a message, 4,096 at a time: offset, hex digits, and printable ASCII. */
export function createHexPages() {
  const box = make('div')
  const text = make('pre', 'code hex')
  const pages = make('form', 'pages') as HTMLFormElement
  const previous = makeButton('secondary', 'Previous')
  const next = makeButton('secondary', 'Next')
  const label = make('label', '', 'From offset ')
  const field = make('input') as HTMLInputElement
  const place = make('p', 'note')
  const problem = make('p', 'problem')
  let view: HexView = createHexView('')
  let start = 0

  text.tabIndex = 0
  problem.role = 'alert'
  problem.id = 'offset-problem'
  field.autocomplete = 'off'
  field.spellcheck = false
  field.setAttribute('aria-describedby', problem.id)
  label.append(field)
  pages.append(previous, next, label, problem)
  pages.noValidate = true
  box.append(text, place, pages)

  const digits = () => Math.max(4, (view.length - 1).toString(16).length)

  function draw() {
    const end = Math.min(view.rows, start + ROWS)
    const lines = Array.from({ length: end - start }, (_, i) => {
      const { offset, hex, text } = view.row(start + i)
      return `${offset.slice(-digits())} ${hex.join(' ').padEnd(WIDTH * 3)} ${text}`
    })
    text.textContent = lines.join('\n')
    pages.hidden = view.rows <= ROWS
    place.hidden = pages.hidden
    place.textContent = `Bytes ${separated(start * WIDTH)} to ${separated(Math.min(view.length, end * WIDTH) - 1)} of ${separated(view.length)}.`
    previous.disabled = start === 0
    next.disabled = end === view.rows
    field.value = (start * WIDTH).toString(16).padStart(digits(), '0')
    complain('')
  }

  function go(row: number) {
    start = Math.max(0, Math.min(row, view.rows - 1))
    draw()
    text.scrollIntoView({ block: 'nearest' })
  }

  function complain(what: string) {
    problem.textContent = what
    field.ariaInvalid = String(what !== '')
  }

  function goToOffset() {
    const typed = field.value.trim().replace(/^0x/i, '')
    const offset = /^[\da-f]+$/i.test(typed) ? Number.parseInt(typed, 16) : Number.NaN
    if (offset < view.length) go(Math.floor(offset / WIDTH))
    else complain(`Type an offset in hex from 0 to ${(view.length - 1).toString(16)}.`)
  }

  previous.addEventListener('click', () => go(start - ROWS))
  next.addEventListener('click', () => go(start + ROWS))
  field.addEventListener('change', goToOffset)
  pages.addEventListener('submit', event => {
    event.preventDefault()
    goToOffset()
  })

  return {
    box,

    show(message: Message) {
      view = createHexView(message, WIDTH)
      start = 0
      draw()
      if (view.length === 0) text.textContent = count(0, 'byte')
    },

    /** The bytes as text, or `undefined` if there is more than one page. */
    get whole() {
      return pages.hidden ? (text.textContent ?? '') : undefined
    },
  }
}
