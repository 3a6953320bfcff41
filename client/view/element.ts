/** Finds an element. @throws if there is none of this type */
export function element<T extends Element>(root: ParentNode, selector: string, type: new () => T): T {
  const found = root.querySelector(selector)
  if (!(found instanceof type)) throw new Error(`The page has no ${type.name} ${selector}`)
  return found
}
