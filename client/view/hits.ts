const NAME = 'found'

/** Marks the hits of a search in the rows that are in the document, where the browser can mark without elements. */
export function markHits(log: HTMLElement, pattern: RegExp | undefined) {
  if (!('highlights' in CSS)) return
  if (!pattern) return void CSS.highlights.delete(NAME)
  const ranges: Range[] = []
  for (const words of log.querySelectorAll('.words')) {
    for (const { 0: hit, index } of words.textContent?.matchAll(pattern) ?? []) {
      const range = new Range()
      range.setStart(...placeIn(words, index))
      range.setEnd(...placeIn(words, index + hit.length))
      ranges.push(range)
    }
  }
  CSS.highlights.set(NAME, new Highlight(...ranges))
}

/** Finds the text node with the character at `index`: the colours of JSON divide a message into many. */
function placeIn(words: Element, index: number): [Node, number] {
  const nodes = document.createTreeWalker(words, NodeFilter.SHOW_TEXT)
  let rest = index
  for (let node = nodes.nextNode(); node; node = nodes.nextNode()) {
    const length = node.textContent?.length ?? 0
    if (rest <= length) return [node, rest]
    rest -= length
  }
  return [words, words.childNodes.length]
}
