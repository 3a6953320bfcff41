/** Copies a text, and tells whether it did. `shown` is an element that stands for it and can be selected. */
export async function copy(text: string, shown: Element): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text)
    return true
  } catch {
    // Only secure pages and localhost have a clipboard. Elsewhere it takes a selection, which stays as a sign.
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
