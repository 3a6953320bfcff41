/** Finds an element that the page can't do without. */
export function element<T extends Element>(selector: string, type: new () => T): T {
  const found = document.querySelector(selector)
  if (!(found instanceof type)) throw new Error(`The page has no ${type.name} ${selector}`)
  return found
}
