import { copy } from './clipboard.ts'

const COPIED_FOR = 1500

/**
 * Copies a text at each click on a button, which then says whether it succeeded.
 * @param shown the element that displays the text
 */
export function createCopyButton(button: HTMLButtonElement, shown: Element, read: () => string) {
  const name = button.textContent
  let timer: ReturnType<typeof setTimeout> | undefined

  button.addEventListener('click', async () => {
    button.textContent = (await copy(read(), shown)) ? 'Copied' : 'Copy failed'
    clearTimeout(timer)
    timer = setTimeout(() => {
      button.textContent = name
    }, COPIED_FOR)
  })
  return button
}
