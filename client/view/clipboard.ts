/** Copies a text and returns whether it succeeded. `shown` is the element that displays the text. */
export async function copy(text: string, shown: Element): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text)
    return true
  } catch {
    // The clipboard API needs a secure page or localhost. Elsewhere, copying needs a selection.
    getSelection()?.selectAllChildren(shown)
    document.addEventListener(
      'copy',
      event => {
        event.clipboardData?.setData('text/plain', text)
        event.preventDefault()
      },
      { once: true },
    )
    return document.execCommand('copy')
  }
}
