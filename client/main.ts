import { defaultAddress } from './core/address.ts'
import { createHistory, parseHistory } from './core/history.ts'
import { mayConnect, readLink, type Setup, writeLink } from './core/link.ts'
import { createSavedMessages, parseSavedMessages } from './core/saved-messages.ts'
import { createStored } from './core/stored.ts'
import { createAnnouncer } from './view/announcer.ts'
import { element } from './view/element.ts'
import { createPanel } from './view/panel.ts'
import { createStatus } from './view/status.ts'
import { createTabs } from './view/tabs.ts'
import { createTheme, parseTheme } from './view/theme.ts'

const storage = openStorage()
const defaults: Setup = { url: defaultAddress(document.baseURI), protocols: '', format: 'text', message: '' }

createTheme(createStored(storage, 'websocket-echo-theme', parseTheme))
const history = createHistory(createStored(storage, 'websocket-echo-history', parseHistory))
const saved = createSavedMessages(createStored(storage, 'websocket-echo-saved', parseSavedMessages))
const announcer = createAnnouncer(element(document, '#announcer', HTMLElement))
const status = createStatus()

let linking: ReturnType<typeof setTimeout> | undefined

const tabs = createTabs(
  element(document, '#panel', HTMLElement),
  root =>
    createPanel(root, {
      setup: defaults,
      history,
      saved,
      announcer,
      pageOrigin: location.origin,
      onChange: showSelected,
    }),
  showSelected,
)

function showSelected() {
  tabs.show()
  status.show(tabs.selected().session)
  // Browsers limit how often a page may change its address.
  clearTimeout(linking)
  linking = setTimeout(() => {
    const link = writeLink(tabs.selected().read(), defaults)
    if (link !== location.hash) window.history.replaceState(null, '', link || location.pathname + location.search)
  }, 300)
}

/** Applies the settings in the page's address. Connects only to the page's own host; for any other the user must click. */
function followLink() {
  const setup = { ...defaults, ...readLink(location.hash) }
  tabs.selected().fill(setup)
  if (mayConnect(setup.url, document.baseURI)) tabs.selected().connect()
  showSelected()
}

followLink()
tabs.selected().show()

addEventListener('hashchange', followLink)
const retryAll = () => {
  for (const panel of tabs.all()) panel.retryNow()
}
addEventListener('online', retryAll)
document.addEventListener('visibilitychange', () => document.hidden || retryAll())

/** Reading `localStorage` throws if the browser denies storage. */
function openStorage(): Storage | undefined {
  try {
    return localStorage
  } catch {
    return undefined
  }
}
