/**
 * Returns the index of the tab that a key leads to from the one at `at` (ARIA Authoring Practices, tabs), or `undefined`
 * for other keys.
 */
export function tabAfter(key: string, at: number, count: number): number | undefined {
  const to = { ArrowRight: at + 1, ArrowLeft: at - 1 + count, Home: 0, End: count - 1 }[key]
  return to === undefined ? undefined : to % count
}
