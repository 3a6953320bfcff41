import { type LogStore, logKinds } from '../core/log-store.ts'
import { element } from './element.ts'

/** ms without a keystroke before the search runs, because searching a large log takes time. */
const TYPING = 150

/** Controls the search, filter, clearing and export of a log. */
export function createLogToolbar(root: ParentNode, store: LogStore): void {
  const search = element(root, '#search', HTMLInputElement)
  const kinds = element(root, '#kinds', HTMLSelectElement)
  let timer: ReturnType<typeof setTimeout> | undefined

  function filter() {
    store.filter(logKinds.find(kind => kind === kinds.value) ?? 'all', search.value.trim())
  }

  search.addEventListener('input', () => {
    clearTimeout(timer)
    timer = setTimeout(filter, TYPING)
  })
  kinds.addEventListener('change', filter)
  element(root, '#clear', HTMLButtonElement).addEventListener('click', () => store.clear())
  element(root, '#export', HTMLButtonElement).addEventListener('click', () => {
    const time = new Date().toISOString().slice(0, 19).replaceAll(':', '-')
    download(store.toNdjson(), `websocket-${time}.ndjson`)
  })
}

function download(blob: Blob, name: string) {
  const link = document.createElement('a')
  link.href = URL.createObjectURL(blob)
  link.download = name
  link.click()
  // Firefox reads the blob after the click.
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000)
}
