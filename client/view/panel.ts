import type { History } from '../core/history.ts'
import type { Link, Setup } from '../core/link.ts'
import type { LogStore } from '../core/log-store.ts'
import { writeQuery } from '../core/query.ts'
import type { RecentAddresses } from '../core/recent-addresses.ts'
import { createSession, type Session, type SessionState } from '../core/session.ts'
import type { Stored } from '../core/stored.ts'
import { createAddressBar } from './address-bar.ts'
import type { Announcer } from './announcer.ts'
import { createComposer } from './composer.ts'
import { element } from './element.ts'
import { createLog } from './log.ts'
import { createLogToolbar } from './log-toolbar.ts'
import { createMenuLoader } from './menu-loader.ts'
import type { Notice } from './notice.ts'
import { createSide, type SideState } from './side.ts'
import { createSideContent } from './side-content.ts'
import { stateOf } from './status.ts'
import { createSuggestions } from './suggestions.ts'
import type { Panel, Tabs } from './tabs.ts'
import { createVariableLoader } from './variable-loader.ts'

type PanelOptions = {
  setup: Setup
  history: History
  recent: RecentAddresses
  side: Stored<SideState>
  announcer: Announcer
  notice: Notice
  pageOrigin: string
  /** Returns a link to this page with the settings of the selected tab. */
  link: () => Link
  tabs: () => Tabs<SessionPanel>
  /** Called when the state or the settings have changed. */
  onChange: () => void
}

export type SessionPanel = Panel & {
  readonly log: LogStore
  read(): Setup
  fill(setup: Setup): void
  connect(): void
  retryNow(): void
  focusSearch(): void
  /** Closes the connection because the page is left. */
  suspend(): void
  /** Connects again after `suspend`, if there was a connection. */
  resume(): void
}

/** ms between updates of the number of unread messages. */
const UNREAD = 500
const SUGGESTED = {
  interval: 0,
  inFlight: 16,
  isAtConnect: false,
  create: (number: number) => `${number} `.padEnd(16, '.'),
}

/** Creates a session and connects it with its part of the page. */
export function createPanel(root: HTMLElement, options: PanelOptions): SessionPanel {
  const { setup, pageOrigin, announcer, onChange } = options
  const url = element(root, '#url', HTMLInputElement)
  let state: SessionState = { connection: 'disconnected', retryAt: undefined }
  let isReady = false

  const session = createSession({ onState, onRepeat: repeat => views.menus.progress(repeat), onAnswer }, pageOrigin)
  const views = createViews(root, session, { ...options, onEdit })
  const unread = createUnread(session, onChange)

  function onState(next: SessionState) {
    state = next
    show()
    onChange()
  }

  async function onAnswer(answer: string) {
    if (!(await views.content.complain(answer))) return
    views.addressBar.showProblem('A fault in the address is wrong. See Faults.')
  }

  function onEdit() {
    show()
    // Firefox restores fields after a reload, so that filling them for the first time may be a change.
    if (isReady) onChange()
  }

  function show() {
    const { addressBar, composer, menus, content, suggestions } = views
    for (const part of [addressBar, composer, menus]) part.show(state)
    content.show(state.connection === 'connected')
    suggestions.show(state, addressBar.connected ?? url.value, session.received > 0)
  }

  function fill({ format, message, repeat, ...connection }: Setup) {
    views.addressBar.fill(connection)
    views.menus.fill(repeat)
    const draft = views.composer.read()
    if (draft.format !== format || draft.message !== message) views.composer.fill({ format, message })
    show()
  }
  fill(setup)
  isReady = true
  // The log may have been cleared.
  session.log.onChange(() => session.log.entries.length === 0 && show())

  return {
    root,
    log: session.log,
    fill,
    connect: views.addressBar.submit,
    retryNow: session.retryNow,
    focusSearch: views.toolbar.focusSearch,

    get name() {
      const address = views.addressBar.connected ?? url.value
      return address.replace(/^\w+:\/\//, '') || 'New connection'
    },
    get state() {
      return stateOf(state)
    },
    get unread() {
      return unread.count
    },

    read: () => ({ ...views.addressBar.read(), ...views.composer.read(), repeat: views.menus.read() }),

    show() {
      unread.stop()
      views.log.show()
      views.side.show()
      announcer.follow(session.log)
      show()
      views.composer.focus()
    },

    hide() {
      unread.start()
      views.log.hide()
      views.side.hide()
      views.addressBar.hide()
    },

    suspend: session.suspend,
    resume: session.resume,

    end() {
      session.disconnect(1000, '')
      views.side.hide()
      views.content.end()
    },
  }
}

/** Creates the parts of the panel, and connects them with each other. */
function createViews(
  root: HTMLElement,
  session: Session,
  { setup, history, recent, side: sideState, notice, link, tabs, onEdit }: PanelOptions & { onEdit: () => void },
) {
  const url = element(root, '#url', HTMLInputElement)
  const addressBar = createAddressBar(root, {
    onConnect: session.connect,
    onDisconnect: session.disconnect,
    onReconnect: session.setReconnect,
    onEdit,
    onProblem: problem => session.log.add({ type: 'error', problem }),
    onInvalidClose: () => side.open('connection'),
    recent,
    notice,
    link,
  })
  const loadVariables = createVariableLoader(session.log)
  const composer = createComposer(root, {
    history,
    onSend: session.send,
    onConnect: addressBar.submit,
    onEdit,
    loadVariables,
  })
  const content = createSideContent(root, {
    session,
    base: setup.url,
    onEdit,
    onConnect: addressBar.submit,
    connected: () => addressBar.connected,
    onOpenFaults: () => side.open('faults'),
    onSendAgain: session.send,
    onEditMessage: composer.edit,
    loadVariables,
    recent,
    notice,
    tabs,
  })
  const side = createSide(root, sideState, content.open)
  const log = createLog(root, session.log, {
    onSendAgain: session.send,
    onEdit: composer.edit,
    onSelect: content.select,
    onOpen: () => side.open('message'),
    onClick: () => side.isOpen || side.open('message'),
  })
  const menus = createMenuLoader(root, {
    ...composer,
    notice,
    log: session.log,
    connectedTo: () => session.facts().url,
    address: () => addressBar.connected ?? url.value,
    onEdit,
    onStart: session.startRepeat,
    onStop: session.stopRepeat,
  })
  const suggestions = createSuggestions(root, {
    onSend: session.send,
    onBurst: count => session.startRepeat({ ...SUGGESTED, count }),
    onOpenFaults: () => side.open('faults'),
    onQuery(query) {
      const parameters = [...new URLSearchParams(query)]
      url.value = writeQuery(url.value, new Set(parameters.map(([name]) => name)), parameters)
      addressBar.submit()
      onEdit()
    },
  })
  const toolbar = createLogToolbar(root, session.log, log, notice)
  return { addressBar, content, composer, log, side, suggestions, toolbar, menus }
}

/** Counts the messages that arrive while the panel is hidden. */
function createUnread(session: Session, onChange: () => void) {
  // A tab that a reload or an import opens is hidden from its beginning.
  let seen: number | undefined = 0
  let isReporting = false

  session.log.onChange(() => {
    if (seen === undefined || isReporting) return
    isReporting = true
    setTimeout(() => {
      isReporting = false
      onChange()
    }, UNREAD)
  })

  return {
    get count() {
      return seen === undefined ? 0 : session.received - seen
    },
    start() {
      seen = session.received
    },
    stop() {
      seen = undefined
    },
  }
}
