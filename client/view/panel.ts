import type { History } from '../core/history.ts'
import type { Setup } from '../core/link.ts'
import type { SavedMessages } from '../core/saved-messages.ts'
import { createSession, type SessionState } from '../core/session.ts'
import { createAddressBar } from './address-bar.ts'
import type { Announcer } from './announcer.ts'
import { createBurstForm } from './burst-form.ts'
import { createChart } from './chart.ts'
import { createComposer } from './composer.ts'
import { element } from './element.ts'
import { createFacts } from './facts.ts'
import { createFaultsForm } from './faults-form.ts'
import { createLog } from './log.ts'
import { createSaved } from './saved.ts'
import { stateOf } from './status.ts'
import type { Panel } from './tabs.ts'

type PanelOptions = {
  setup: Setup
  history: History
  saved: SavedMessages
  announcer: Announcer
  pageOrigin: string
  /** Called when the state or the settings have changed. */
  onChange: () => void
}

export type SessionPanel = Panel & {
  readonly session: SessionState
  read(): Setup
  fill(setup: Setup): void
  connect(): void
  retryNow(): void
}

/** Creates a session and connects it with its part of the page. */
export function createPanel(
  root: HTMLElement,
  { setup, history, saved, announcer, pageOrigin, onChange }: PanelOptions,
): SessionPanel {
  const url = element(root, '#url', HTMLInputElement)
  const protocols = element(root, '#protocols', HTMLInputElement)
  let state: SessionState = { connection: 'disconnected', retryAt: undefined }

  const session = createSession(
    {
      onState(next) {
        state = next
        for (const part of [addressBar, composer, burstForm]) part.show(state)
        facts.show()
        onChange()
      },
      onBurst: progress => burstForm.progress(progress),
    },
    pageOrigin,
  )

  const addressBar = createAddressBar(root, {
    onConnect: session.connect,
    onDisconnect: session.disconnect,
    onReconnect: session.setReconnect,
    onEdit: onChange,
  })
  const faultsForm = createFaultsForm(root, { onEdit: onChange, onConnect: addressBar.submit })
  const composer = createComposer(root, { history, onSend: session.send, onEdit: onChange })
  const burstForm = createBurstForm(root, { onStart: session.startBurst, onStop: session.stopBurst })
  const facts = createFacts(root, session.facts)
  const chart = createChart(root, session.statistics)
  const log = createLog(root, session.log)
  createSaved(root, saved, {
    ...composer,
    fill(draft) {
      composer.fill(draft)
      onChange()
    },
  })

  function fill({ url: address, protocols: offered, format, message }: Setup) {
    url.value = address
    faultsForm.show()
    protocols.value = offered
    composer.fill({ format, message })
  }
  fill(setup)

  return {
    root,
    fill,
    connect: addressBar.submit,
    retryNow: session.retryNow,

    get name() {
      return url.value.replace(/^\w+:\/\//, '') || 'New connection'
    },
    get state() {
      return stateOf(state)
    },
    get session() {
      return state
    },

    read: () => ({ url: url.value, protocols: protocols.value, ...composer.read() }),

    show() {
      log.show()
      announcer.follow(session.log)
      chart.show()
      composer.focus()
    },

    hide() {
      log.hide()
      chart.hide()
    },

    end() {
      session.disconnect(1000, '')
      facts.stop()
      chart.end()
    },
  }
}
