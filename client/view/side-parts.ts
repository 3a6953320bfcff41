import { splitProtocols } from '../core/link.ts'
import type { LogEntry } from '../core/log-store.ts'
import type { Session } from '../core/session.ts'
import { createChart } from './chart.ts'
import { element } from './element.ts'
import { createFacts } from './facts.ts'
import { createFaultsForm, type FaultsFormOptions } from './faults-form.ts'
import { createHandshakeView } from './handshake-view.ts'
import { createMessageView, type MessageViewOptions } from './message-view.ts'
import type { Part } from './side.ts'
import { addStyleSheet } from './style-sheet.ts'
import { createVariablesView, type VariablesViewOptions } from './variables-view.ts'
import { createWork, type WorkOptions } from './work.ts'

// The panel shows the variables too. In a chunk of their own, they would make the first load larger.
export { createTabVariables } from './variables.ts'

export type SideParts = ReturnType<typeof createSideParts>

export type SidePartsOptions = Omit<MessageViewOptions, 'target'> &
  Omit<VariablesViewOptions, 'log'> &
  FaultsFormOptions &
  WorkOptions & { session: Session }

/** Creates the tabs of the side panel. Loaded on demand, because the page begins without them. */
export function createSideParts(root: ParentNode, { session, ...options }: SidePartsOptions) {
  void addStyleSheet('side-parts.css')
  const protocols = element(root, '#protocols', HTMLInputElement)
  const url = element(root, '#url', HTMLInputElement)
  const target = () => ({
    url: session.facts().url || url.value,
    protocols: splitProtocols(protocols.value),
  })
  const message = createMessageView(root, { ...options, target })
  const variables = createVariablesView(root, { ...options, log: session.log })
  createHandshakeView(element(root, '#connection-view', HTMLElement), target)
  createWork(element(root, '#connection-view', HTMLElement), options)
  const facts = createFacts(root, session.facts)
  const faults = createFaultsForm(root, options)
  const chart = createChart(root, session.statistics)

  return {
    select: (entry: LogEntry) => message.select(entry),
    complain: faults.complain,

    /** Shows the state of the connection and of its address. */
    show(isConnected: boolean) {
      facts.show()
      faults.show(isConnected)
    },

    /** Updates only the visible tab from now on. */
    open(part: Part | undefined) {
      message.setVisible(part === 'message')
      variables.setVisible(part === 'message')
      facts.setVisible(part === 'connection')
      if (part === 'faults') void faults.load()
      chart.setVisible(part === 'chart')
    },

    end: chart.end,
  }
}
