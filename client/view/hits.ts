const NAME = 'found'

/** Marks the hits of a search in the rows that are in the document, where the browser can mark without elements. */
export function markHits(log: HTMLElement, pattern: RegExp | undefined) {
  if (!('highlights' in CSS)) return
  if (!pattern) return void CSS.highlights.delete(NAME)
  const ranges: Range[] = []
  for (const words of log.querySelectorAll('.words')) {
    const nodes = document.createTreeWalker(words, NodeFilter.SHOW_TEXT)
    while (nodes.nextNode()) {
      const node = nodes.currentNode
      for (const { 0: hit, index } of node.textContent?.matchAll(pattern) ?? []) {
        const range = new Range()
        range.setStart(node, index)
        range.setEnd(node, index + hit.length)
        ranges.push(range)
      }
    }
  }
  CSS.highlights.set(NAME, new Highlight(...ranges))
}
