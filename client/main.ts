import { defaultAddress } from './core/address.ts'
import { createHistory, parseHistory } from './core/history.ts'
import { describeLink, type Link, mayConnect, readLink, type Setup, writeLink } from './core/link.ts'
import { createRecentAddresses, parseRecentAddresses } from './core/recent-addresses.ts'
import { createStored } from './core/stored.ts'
import { createStoredTabs, parseTabs } from './core/stored-tabs.ts'
import { createAnnouncer } from './view/announcer.ts'
import { element } from './view/element.ts'
import { addIcons } from './view/icons.ts'
import { createNotice } from './view/notice.ts'
import { createPanel, type SessionPanel } from './view/panel.ts'
import { parseSide } from './view/side.ts'
import { WORDS } from './view/status.ts'
import { openStorage } from './view/storage.ts'
import { createTabs, type Tabs } from './view/tabs.ts'
import { createTheme, parseTheme } from './view/theme.ts'

const storage = openStorage('localStorage')
const windowStorage = openStorage('sessionStorage')
const defaults: Setup = {
  url: defaultAddress(document.baseURI),
  protocols: '',
  format: 'text',
  message: '',
  closeCode: '1000',
}
const { title } = document
const LOGS = 'websocket-echo-logs'

addIcons()
createTheme(createStored(storage, 'websocket-echo-theme', parseTheme))
const history = createHistory(createStored(storage, 'websocket-echo-history', parseHistory))
// Each window has its own tabs.
const stored = createStoredTabs(
  createStored(windowStorage, 'websocket-echo-tabs', parseTabs),
  createStored(undefined, '', parseTabs),
)
const recent = createRecentAddresses(createStored(storage, 'websocket-echo-addresses', parseRecentAddresses))
const side = createStored(storage, 'websocket-echo-panel', parseSide)
const announcer = createAnnouncer(element(document, '#announcer', HTMLElement))
const notice = createNotice()
const { origin } = location
const shared = { history, recent, side, announcer, notice, link, pageOrigin: origin, onChange: showSelected }

/** Whether the logs are kept for the next start of the page: not before a line says more than that it has connected. */
let isKeeping = false
let linking: ReturnType<typeof setTimeout> | undefined

const tabs: Tabs<SessionPanel> = createTabs(element(document, '#panel', HTMLElement), {
  open(root) {
    const panel = createPanel(root, { ...shared, setup: defaults, tabs: () => tabs })
    panel.log.onChange(() => isKeeping || panel.log.entries.at(-1)?.event.type === 'connected' || keepLogs())
    return panel
  },
  onSelect: showSelected,
  onClose(panel, undo) {
    const { name, state } = panel
    panel.end()
    notice(`${name} closed.`, () => {
      undo()
      if (state === 'connected' || state === 'waiting') panel.connect()
    })
  },
})

function showSelected() {
  tabs.show()
  showTitle()
  // Browsers limit how often a page may change its address.
  clearTimeout(linking)
  linking = setTimeout(() => {
    storeTabs()
    const { address } = link()
    if (address !== location.href) window.history.replaceState(null, '', address)
  }, 300)
}

function link(): Link {
  const setup = tabs.selected().read()
  const page = origin + location.pathname + location.search
  return { address: page + writeLink(setup, defaults), description: describeLink(setup) }
}

/** Shows the state of the selected connection in the title, with the number of unread messages in all others. */
function showTitle() {
  const unread = tabs.all().reduce((sum, panel) => sum + panel.unread, 0)
  document.title = `${unread > 0 ? `(${unread.toLocaleString('en')}) ` : ''}${WORDS[tabs.selected().state]} – ${title}`
}

/** Applies the settings in the page's address. Connects only to the page's own host; for any other the user must click. */
function followLink(current: Setup) {
  const setup = { ...current, ...readLink(location.hash) }
  tabs.selected().fill(setup)
  if (mayConnect(setup.url, document.baseURI)) tabs.selected().connect()
  showSelected()
}

restoreTabs()
if (windowStorage?.getItem(LOGS)) keepLogs()
followLink(stored.get().tabs.length > 0 ? tabs.selected().read() : defaults)
tabs.selected().show()

/** Opens the tabs that this window had before it was reloaded. */
function restoreTabs() {
  const { tabs: setups, selected } = stored.get()
  for (const [i, setup] of setups.entries()) {
    const panel = i === 0 ? tabs.selected() : tabs.create()
    panel.fill(setup)
    if (i !== selected && mayConnect(setup.url, document.baseURI)) panel.connect()
  }
  const panel = tabs.all()[selected]
  if (panel) tabs.select(panel)
}

/** Brings back the logs that the tabs had before a reload, and keeps them for the next one. Nobody needs to wait. */
async function keepLogs() {
  isKeeping = true
  if (!windowStorage) return
  const restored = [...tabs.all()]
  try {
    const { createLogKeeper } = await import('./view/log-keeper.ts')
    await createLogKeeper({ storage: windowStorage, key: LOGS }, restored, tabs)
  } catch {
    // Without the server of the page, the logs are not kept.
  }
}

function storeTabs() {
  stored.set({ tabs: tabs.all().map(panel => panel.read()), selected: tabs.all().indexOf(tabs.selected()) })
}

addEventListener('hashchange', () => followLink(tabs.selected().read()))
const retryAll = () => {
  for (const panel of tabs.all()) panel.retryNow()
}
addEventListener('online', retryAll)
document.addEventListener('visibilitychange', () => document.hidden || retryAll())
document.addEventListener('keydown', event => {
  // The browser would find only the rows that are in the document. Pressed again, it does so.
  if (event.key !== 'f' || !(event.ctrlKey || event.metaKey) || document.activeElement?.id === 'search') return
  event.preventDefault()
  tabs.selected().focusSearch()
})
// A page that waits in the back/forward cache has no connections.
addEventListener('pagehide', event => {
  storeTabs()
  if (event.persisted) for (const panel of tabs.all()) panel.suspend()
})
addEventListener('pageshow', event => {
  if (event.persisted) for (const panel of tabs.all()) panel.resume()
})
