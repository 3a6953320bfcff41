import { formatSize } from '../core/bytes.ts'
import { mayConnect } from '../core/link.ts'
import type { RecentAddresses } from '../core/recent-addresses.ts'
import { readSessionFile, type SessionFile, writeSessionFile } from '../core/session-file.ts'
import { describeContents, describeImport, planImport } from '../core/session-import.ts'
import { describeKept, type Kept } from '../core/stored.ts'
import { download } from './download.ts'
import { make, makeButton } from './highlight.ts'
import type { Notice } from './notice.ts'
import type { SessionPanel } from './panel.ts'
import { savedMessages } from './saved-store.ts'
import type { Tabs } from './tabs.ts'
import { storedVariables } from './variables.ts'

export type WorkOptions = { tabs: () => Tabs<SessionPanel>; recent: RecentAddresses; notice: Notice }

const MAX_FILE = 64 * 1024 * 1024
const CONTENTS =
  'One file has all tabs with their drafts and settings, saved messages, recent addresses and variables. Logs and the passwords in addresses are left out.'

/** Writes the work of the page to a file, and adds the work in a file to that of the page. */
export function createWork(box: HTMLElement, options: WorkOptions) {
  const view = make('section', 'more')
  const lead = make('p', 'lead', CONTENTS)
  const exporter = makeButton('secondary', 'Export to a file')
  const importer = makeButton('secondary', 'Import from a file…')
  const picker = make('input') as HTMLInputElement
  const problem = make('p', 'problem')
  view.id = 'work'
  problem.id = 'work-problem'
  problem.role = 'alert'
  importer.setAttribute('aria-describedby', problem.id)
  Object.assign(picker, { type: 'file', accept: '.json,application/json', hidden: true, ariaLabel: 'File to import' })
  view.append(make('h2', '', 'Take your work along'), lead, exporter, importer, picker, problem)
  box.append(view)

  exporter.addEventListener('click', () => {
    const work = collect(options)
    const file = new Blob([writeSessionFile(work)], { type: 'application/json' })
    download(file, `websocket-work-${new Date().toISOString().slice(0, 10)}.json`)
    options.notice(`${describeContents(work)} exported.`)
  })
  importer.addEventListener('click', () => picker.click())
  picker.addEventListener('change', async () => {
    const [chosen] = picker.files ?? []
    if (!chosen) return
    const read = await readFile(chosen)
    // Otherwise choosing the same file again, after mending it, would be no change.
    picker.value = ''
    problem.textContent = 'problem' in read ? read.problem : ''
    importer.ariaInvalid = String('problem' in read)
    if (!('problem' in read)) importWork(read, options)
  })
}

async function readFile(file: File): Promise<SessionFile | { problem: string }> {
  if (file.size > MAX_FILE) {
    return { problem: `The file has ${formatSize(file.size)}. At most ${formatSize(MAX_FILE)} can be imported.` }
  }
  try {
    return readSessionFile(await file.text())
  } catch {
    return { problem: 'The browser could not read the file.' }
  }
}

const collect = ({ tabs, recent }: WorkOptions): SessionFile => ({
  tabs: tabs()
    .all()
    .map(tab => tab.read()),
  savedMessages: savedMessages.list(),
  addresses: recent.list(),
  variables: storedVariables.get(),
})

/** Adds what a file has, connects only to the page's own host, and sends nothing. */
function importWork(file: SessionFile, options: WorkOptions) {
  const { recent, notice } = options
  const tabs = options.tabs()
  const plan = planImport(file, collect(options))
  const { added } = plan
  const names = new Set(added.variables.map(({ name }) => name))
  const results: Kept[] = []

  for (const message of added.savedMessages) {
    const change = savedMessages.put(message)
    if ('kept' in change) results.push(change.kept)
  }
  // Each becomes the newest, so those that are here come last and stay in front.
  if (added.addresses.length > 0) {
    for (const address of [...recent.list(), ...added.addresses].reverse()) results.push(recent.add(address))
  }
  if (names.size > 0) results.push(storedVariables.set([...storedVariables.get(), ...added.variables]))
  const opened = added.tabs.map(setup => {
    const tab = tabs.create()
    tab.fill(setup)
    if (mayConnect(setup.url, document.baseURI)) tab.connect()
    return tab
  })
  tabs.select(tabs.selected())

  function undo() {
    for (const tab of opened) tabs.close(tab)
    for (const { name, server } of added.savedMessages) savedMessages.remove(name, server)
    for (const address of added.addresses) recent.remove(address)
    if (names.size > 0) storedVariables.set(storedVariables.get().filter(({ name }) => !names.has(name)))
    notice('The import was undone.')
  }

  const isChanged = opened.length + results.length > 0
  const loss = describeKept(results.find(kept => kept !== 'kept') ?? 'kept')
  notice(`${describeImport(plan)} ${loss}`.trim(), isChanged ? undo : undefined)
}
