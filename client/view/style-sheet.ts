/** Adds a style sheet that the page begins without, once. */
export function addStyleSheet(name: string) {
  if (document.querySelector(`link[href="${name}"]`)) return
  const link = document.createElement('link')
  link.rel = 'stylesheet'
  link.href = name
  document.head.append(link)
}
