import { count } from '../core/count.ts'
import { describeExport } from '../core/export-note.ts'
import { toHar } from '../core/har.ts'
import type { LogStore } from '../core/log-store.ts'
import { toNdjson } from '../core/ndjson.ts'
import { download } from './download.ts'
import { element } from './element.ts'
import type { Notice } from './notice.ts'

export type ExportOptions = {
  log: LogStore
  /** The address of the latest connection. */
  connectedTo: () => string
  notice: Notice
}

/** Controls the menu that saves the log as a file. */
export function createExportForm(root: ParentNode, { log, connectedTo, notice }: ExportOptions) {
  const menu = element(root, '#export', HTMLElement)
  const isShownOnly = element(root, '#export-shown', HTMLInputElement)
  const onlyShown = element(root, '#export label', HTMLElement)
  const lines = element(root, '#export label span', HTMLElement)

  const hidden = () => log.entries.length - log.shown.length

  menu.addEventListener('beforetoggle', () => {
    onlyShown.hidden = hidden() === 0
    lines.textContent = `Only the ${count(log.shown.length, 'line')} that the filter shows`
  })

  async function save(format: 'ndjson' | 'har') {
    menu.hidePopover()
    const isFiltered = isShownOnly.checked && hidden() > 0
    // While the file is written, the log may go on.
    const entries = [...log.entries]
    const shown = isFiltered ? [...log.shown] : entries
    const included =
      hidden() > 0 && !isFiltered ? ` That includes ${count(hidden(), 'line')} that the filter hides.` : ''
    const { removed } = log
    notice('The file is being written…')
    const { file, leftOut } = format === 'har' ? await har(entries, shown) : { file: await toNdjson(shown), leftOut: 0 }
    const time = new Date().toISOString().slice(0, 19).replaceAll(':', '-')
    download(file, `websocket-${time}.${format}`)
    notice(describeExport({ entries, shown, removed }, isFiltered, leftOut) + included)
  }

  function har(entries: LogStore['entries'], shown: LogStore['shown']) {
    const included = new Set(shown)
    return toHar(entries, connectedTo(), entry => included.has(entry))
  }

  element(root, '#export-ndjson', HTMLButtonElement).addEventListener('click', () => save('ndjson'))
  element(root, '#export-har', HTMLButtonElement).addEventListener('click', () => save('har'))
}
