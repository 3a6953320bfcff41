/** Adds a style sheet that the page begins without, once. Resolves when it applies, or cannot be loaded. */
export async function addStyleSheet(name: string): Promise<void> {
  if (document.querySelector(`link[href="${name}"]`)) return
  const link = document.createElement('link')
  link.rel = 'stylesheet'
  link.href = name
  document.head.append(link)
  await new Promise(resolve => {
    link.addEventListener('load', resolve)
    link.addEventListener('error', resolve)
  })
}
