import { element } from './element.ts'

/** Shows a short text for some seconds, with a button that undoes what the text reports. */
export type Notice = (text: string, undo?: () => void) => void

/** ms. Long enough to read the text, and to reach the button by keyboard. */
const SHOWN_FOR = 10_000

/** Creates the notice of the page. A new text replaces the one before. */
export function createNotice(): Notice {
  const box = element(document, '#notice', HTMLElement)
  const text = element(box, 'span', HTMLElement)
  const button = element(box, 'button', HTMLButtonElement)
  let timer: ReturnType<typeof setTimeout> | undefined
  let undo: (() => void) | undefined

  function hide() {
    text.textContent = ''
    undo = undefined
    button.hidden = true
  }

  function wait() {
    clearTimeout(timer)
    timer = setTimeout(() => (box.matches(':hover, :focus-within') ? wait() : hide()), SHOWN_FOR)
  }

  button.addEventListener('click', () => {
    const undone = undo
    hide()
    undone?.()
  })

  return (words, undoing) => {
    text.textContent = words
    undo = undoing
    button.hidden = !undo
    wait()
  }
}
