import type { Message } from '../core/message.ts'
import { element } from './element.ts'

/** A file, or a long text, with a name to show. */
export type Attached = { name: string; message: Message }

type AttachmentOptions = {
  onChange: () => void
  onProblem: (text: string) => void
}

/** Longer text that is pasted becomes an attachment, because a field takes seconds for each key. In characters. */
const MAX_PASTED = 256 * 1024

/** Controls the file, or the long text, that is sent in place of the text in the message field. */
export function createAttachment(root: HTMLElement, field: HTMLTextAreaElement, options: AttachmentOptions) {
  const { onChange, onProblem } = options
  const box = element(root, '#attachment', HTMLElement)
  const picker = element(root, '#file', HTMLInputElement)
  let attached: Attached | undefined

  function set(next: Attached | undefined) {
    attached = next
    field.hidden = attached !== undefined
    box.hidden = attached === undefined
    element(box, 'span', HTMLElement).textContent = attached?.name ?? ''
    onChange()
  }

  async function attach(files: FileList | null | undefined) {
    const [file, ...others] = files ?? []
    if (!file) return
    try {
      set({ name: file.name, message: new Uint8Array(await file.arrayBuffer()) })
      if (others.length > 0) onProblem(`One file is one message. Only ${file.name} was taken.`)
    } catch (error) {
      onProblem(`Cannot read ${file.name}: ${(error as Error).message}`)
    }
  }

  element(root, '#pick', HTMLButtonElement).addEventListener('click', () => picker.click())
  picker.addEventListener('change', () => {
    void attach(picker.files)
    // Allows the same file to be picked again.
    picker.value = ''
  })
  element(box, 'button', HTMLButtonElement).addEventListener('click', () => {
    set(undefined)
    field.focus()
  })
  // Text that is dragged belongs to the field that it is dropped into.
  const hasFiles = ({ dataTransfer }: DragEvent) =>
    dataTransfer !== null && (dataTransfer.files.length > 0 || dataTransfer.types.includes('Files'))
  root.addEventListener('dragover', event => hasFiles(event) && event.preventDefault())
  root.addEventListener('drop', event => {
    if (!hasFiles(event)) return
    event.preventDefault()
    void attach(event.dataTransfer?.files)
  })
  field.addEventListener('paste', event => {
    const text = event.clipboardData?.getData('text/plain') ?? ''
    if (text.length < MAX_PASTED) return
    event.preventDefault()
    set({ name: 'Pasted text', message: text })
  })

  return {
    set,
    get: () => attached,
  }
}
