/** The characters of a message that is edited by one command of the browser, so that its undo brings the old text back. */
const MAX_UNDOABLE = 256 * 1024

/** Writes a text into a field so that the browser's undo can take it back. Leaves the caret at its end. */
export function replaceText(field: HTMLTextAreaElement, text: string) {
  if (field.value === text) return
  if (!field.hidden && Math.max(field.value.length, text.length) <= MAX_UNDOABLE) {
    const focused = document.activeElement
    field.focus({ preventScroll: true })
    field.select()
    // The only way that keeps the browser's own undo. It edits the field in focus, which this one is not in a hidden tab.
    const isDone = document.activeElement === field && edit(text)
    if (focused instanceof HTMLElement && focused !== document.body) focused.focus({ preventScroll: true })
    if (isDone && field.value === text) return
  }
  field.value = text
  field.setSelectionRange(text.length, text.length)
}

const edit = (text: string): boolean =>
  text === '' ? document.execCommand('delete') : document.execCommand('insertText', false, text)

const MAX_LINES = 8

/** Makes a field as high as its text, where the style sheet cannot. */
export function createGrowth(field: HTMLTextAreaElement): () => void {
  if (CSS.supports('field-sizing', 'content')) return () => {}
  return () => {
    field.style.blockSize = 'auto'
    const { lineHeight, paddingBlock } = getComputedStyle(field)
    const most = Number.parseFloat(lineHeight) * MAX_LINES + Number.parseFloat(paddingBlock) * 2
    field.style.blockSize = `${Math.min(field.scrollHeight, most)}px`
  }
}

/**
 * Returns whether an arrow key would leave the text: the caret is at its very start or end, or in a first or last
 * paragraph that fills only one line.
 */
export function leavesText(field: HTMLTextAreaElement, key: 'ArrowUp' | 'ArrowDown'): boolean {
  const { value, selectionStart, selectionEnd } = field
  if (key === 'ArrowUp') {
    if (selectionEnd === 0) return true
    return !value.slice(0, selectionStart).includes('\n') && isOneLine(field, value.split('\n', 1)[0] ?? '')
  }
  if (selectionStart === value.length) return true
  return !value.slice(selectionEnd).includes('\n') && isOneLine(field, value.slice(value.lastIndexOf('\n') + 1))
}

let context: CanvasRenderingContext2D | null = null

function isOneLine(field: HTMLTextAreaElement, paragraph: string): boolean {
  const { font, paddingInlineStart, paddingInlineEnd } = getComputedStyle(field)
  // Longer paragraphs need no measuring.
  if (paragraph.length > 1000) return false
  context ??= document.createElement('canvas').getContext('2d')
  if (!context) return false
  context.font = font
  const room = field.clientWidth - Number.parseFloat(paddingInlineStart) - Number.parseFloat(paddingInlineEnd)
  return context.measureText(paragraph).width <= room
}
