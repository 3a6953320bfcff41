import { readAddress, withoutCredentials } from '../core/address.ts'
import { checkClose } from '../core/close-code.ts'
import { type Draft, type Link, type Setup, splitProtocols } from '../core/link.ts'
import type { RecentAddresses } from '../core/recent-addresses.ts'
import type { SessionState } from '../core/session.ts'
import { copy } from './clipboard.ts'
import { element } from './element.ts'
import type { Notice } from './notice.ts'
import { createStatus, stateOf } from './status.ts'

type AddressBarOptions = {
  onConnect: (address: string, protocols: string[]) => void
  onDisconnect: (code: number, reason: string) => void
  onReconnect: (isOn: boolean) => void
  onEdit: () => void
  /** Called when the address is invalid. */
  onProblem: (problem: string) => void
  /** Called when the close code or the reason is invalid. */
  onInvalidClose: () => void
  recent: RecentAddresses
  notice: Notice
  /** Returns a link to this page with its settings. */
  link: () => Link
}

/**
 * Controls the server's address and one button beside it: CONNECT, DISCONNECT, or RECONNECT if the address differs from
 * the connected one. Also controls the settings of a connection in the side panel.
 */
export function createAddressBar(
  root: HTMLElement,
  { onConnect, onDisconnect, onReconnect, onEdit, onProblem, onInvalidClose, recent, notice, link }: AddressBarOptions,
) {
  const form = element(root, '#address', HTMLFormElement)
  const url = element(root, '#url', HTMLInputElement)
  const connect = element(root, '#connect', HTMLButtonElement)
  const disconnect = element(root, '#disconnect', HTMLButtonElement)
  const problem = element(root, '#address-problem', HTMLElement)
  const status = createStatus(root)
  const settings = createSettings(root, { onReconnect, onEdit })
  let state: SessionState = { connection: 'disconnected', retryAt: undefined }
  let wasConnected = false
  /** The address and the subprotocols as they were typed when they were connected. */
  let connected = ''
  let offered = ''

  function submit() {
    const read = readAddress(url.value, location.protocol)
    showProblem('problem' in read ? read.problem : '')
    if ('problem' in read) return onProblem(`"${withoutCredentials(url.value)}": ${read.problem}`)
    connected = url.value
    offered = settings.read().protocols
    onConnect(read.url, splitProtocols(offered))
  }

  function showProblem(text: string) {
    if (problem.textContent !== text) problem.textContent = text
    url.ariaInvalid = String(text !== '')
  }

  const isOpen = () => state.connection === 'connected' || state.connection === 'connecting'
  const isElsewhere = () => isOpen() && url.value !== connected
  const isEdited = () => isElsewhere() || (isOpen() && settings.read().protocols !== offered)

  function show() {
    // Connecting is possible while closing, because some servers never answer the close frame.
    const canConnect = isEdited() || (!isOpen() && stateOf(state) !== 'waiting')
    const [shown, hidden] = canConnect ? [connect, disconnect] : [disconnect, connect]
    const hadFocus = document.activeElement === hidden
    connect.textContent = isEdited() ? 'RECONNECT' : 'CONNECT'
    shown.hidden = false
    hidden.hidden = true
    if (hadFocus) shown.focus()
    status.show(state, isElsewhere() ? connected : undefined)
  }

  disconnect.addEventListener('click', () => {
    const close = settings.readClose()
    if (close) onDisconnect(...close)
    else onInvalidClose()
  })
  // The two buttons swap places, so the second click of a double click or a held key would hit the other one.
  for (const button of [connect, disconnect]) ignoreRepetition(button)
  form.addEventListener('submit', event => {
    event.preventDefault()
    submit()
  })
  url.addEventListener('input', () => {
    showProblem('')
    show()
    onEdit()
  })
  url.addEventListener('focus', () => {
    element(root, '#recent', HTMLDataListElement).replaceChildren(...recent.list().map(value => new Option('', value)))
  })
  url.addEventListener('keydown', event => {
    if (event.key !== 'Escape' || !isElsewhere()) return
    url.value = connected
    url.dispatchEvent(new Event('input', { bubbles: true }))
  })
  copyOnClick(element(root, '#copy-link', HTMLButtonElement), link, notice)

  return {
    submit,
    showProblem,

    read: () => ({ url: url.value, ...settings.read() }),

    fill(setup: Omit<Setup, keyof Draft>) {
      url.value = setup.url
      settings.fill(setup)
    },

    hide: status.hide,
    show(next = state) {
      const isConnected = next.connection === 'connected'
      if (isConnected && !wasConnected) recent.add(connected)
      wasConnected = isConnected
      state = next
      show()
    },
    get connected() {
      return isOpen() ? connected : undefined
    },
  }
}

/** Controls the settings of a connection in the side panel. */
function createSettings(root: ParentNode, { onReconnect, onEdit }: Pick<AddressBarOptions, 'onReconnect' | 'onEdit'>) {
  const protocols = element(root, '#protocols', HTMLInputElement)
  const reconnect = element(root, '#reconnect', HTMLInputElement)
  const closing = createClosing(root)

  for (const field of [protocols, closing.code, closing.reason]) field.addEventListener('input', onEdit)
  reconnect.addEventListener('change', () => {
    onReconnect(reconnect.checked)
    onEdit()
  })

  return {
    readClose: closing.read,

    read: () => ({
      protocols: protocols.value,
      closeCode: closing.code.value,
      closeReason: closing.reason.value,
      reconnect: reconnect.checked ? 'on' : '',
    }),

    fill(setup: Omit<Setup, keyof Draft>) {
      protocols.value = setup.protocols
      closing.code.value = setup.closeCode ?? '1000'
      closing.reason.value = setup.closeReason ?? ''
      reconnect.checked = setup.reconnect === 'on'
      onReconnect(reconnect.checked)
    },
  }
}

/** Controls the close code and the reason. */
function createClosing(root: ParentNode) {
  const code = element(root, '#close-code', HTMLInputElement)
  const reason = element(root, '#close-reason', HTMLInputElement)
  const problem = element(root, '#close-problem', HTMLElement)

  function read(): [code: number, reason: string] | undefined {
    const number = /^\d+$/.test(code.value) ? Number(code.value) : Number.NaN
    const brokenRule = checkClose(number, reason.value)
    problem.textContent = brokenRule ?? ''
    const isCodeBroken = checkClose(number, '') !== undefined
    code.ariaInvalid = String(isCodeBroken)
    reason.ariaInvalid = String(brokenRule !== undefined && !isCodeBroken)
    return brokenRule === undefined ? [number, reason.value] : undefined
  }
  for (const field of [code, reason]) field.addEventListener('input', read)
  return { code, reason, read }
}

function copyOnClick(button: HTMLButtonElement, link: () => Link, notice: Notice) {
  button.addEventListener('click', async () => {
    const { address, description } = link()
    const isCopied = await copy(address, button)
    const failed = 'The browser did not permit copying. Copy the address of this page.'
    notice(isCopied ? `The link is copied. ${description}`.trim() : failed)
  })
}

function ignoreRepetition(button: HTMLButtonElement): void {
  button.addEventListener('click', event => event.detail > 1 && cancel(event), { capture: true })
  button.addEventListener('keydown', event => event.repeat && cancel(event))
}

function cancel(event: Event): void {
  event.preventDefault()
  event.stopImmediatePropagation()
}
