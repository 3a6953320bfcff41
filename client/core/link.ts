import { withoutCredentials } from './address.ts'
import type { RepeatSettings } from './repeat-fields.ts'

const FORMATS = ['text', 'json', 'hex', 'base64'] as const

/** How the text in the message field is encoded. `json` is text that must be JSON. */
export type Format = (typeof FORMATS)[number]

/** The message field, as it was typed. */
export type Draft = { format: Format; message: string }

/** The settings of a tab. A link can contain all of them except `repeat`. */
export type Setup = Draft & {
  url: string
  /** As they were typed. */
  protocols: string
  /** The code and reason that DISCONNECT sends, as they were typed. */
  closeCode?: string
  closeReason?: string
  /** `on` to reconnect when the connection ends unexpectedly, otherwise empty. */
  reconnect?: string
  /** Absent while the form is as the page begins with it. */
  repeat?: RepeatSettings | undefined
}

/** A link to the page, and sentences about what is in it and what is not. */
export type Link = { address: string; description: string }

/** In characters. */
const LONGEST_MESSAGE = 4000
const SCHEMES = ['ws:', 'wss:', 'http:', 'https:']

const NAMES = [
  ['url', 'url'],
  ['protocols', 'protocol'],
  ['format', 'format'],
  ['message', 'message'],
  ['closeCode', 'close-code'],
  ['closeReason', 'close-reason'],
  ['reconnect', 'reconnect'],
] as const

/**
 * Reads the fragment of an address. Missing or invalid settings are left out. In a link written by hand, `&` may occur
 * in the query of `url`: parts that no setting has as its name belong to the query before them.
 */
export function readLink(hash: string): Partial<Setup> {
  const values = new URLSearchParams(joinAddress(hash.replace(/^#/, '')))
  const setup: Partial<Setup> = {}
  for (const [key, name] of NAMES) {
    const value = values.get(name)
    if (value === null) continue
    if (key !== 'format') setup[key] = value
    else if (isFormat(value)) setup.format = value
  }
  return setup
}

/**
 * Writes the settings that differ from the defaults as a fragment, or an empty string. Leaves out a very long message,
 * and the user name and password of the address; see `describeLink`.
 */
export function writeLink(setup: Setup, defaults: Setup): string {
  const values = new URLSearchParams()
  for (const [key, name] of NAMES) {
    const value = key === 'url' ? withoutCredentials(setup.url) : (setup[key] ?? '')
    if (value === (defaults[key] ?? '') || (key === 'message' && value.length > LONGEST_MESSAGE)) continue
    values.set(name, value)
  }
  const fragment = values.toString()
  return fragment && `#${fragment}`
}

/** Says whether a link to these settings has the message, and what it leaves out. Empty if there is nothing to say. */
export function describeLink({ url, message }: Setup): string {
  const isTooLong = message.length > LONGEST_MESSAGE
  const leftOut = [
    withoutCredentials(url) !== url && 'the user name and password',
    isTooLong && 'the message, which is too long',
  ].filter(reason => reason !== false)
  return [
    message !== '' && !isTooLong && 'It contains the message in the field.',
    leftOut.length > 0 && `It leaves out ${leftOut.join(' and ')}.`,
  ]
    .filter(sentence => sentence !== false)
    .join(' ')
}

/** Returns whether a link may connect without a click: only to the page's own host and port. */
export function mayConnect(address: string, baseURI: string): boolean {
  try {
    const { protocol, host } = new URL(address)
    return SCHEMES.includes(protocol) && host === new URL(baseURI).host
  } catch {
    return false
  }
}

/** Splits subprotocols as they were typed, with commas or spaces between them. */
export const splitProtocols = (typed: string): string[] => typed.split(/[\s,]+/).filter(Boolean)

export function isFormat(value: unknown): value is Format {
  return FORMATS.some(format => format === value)
}

/** Escapes each `&` that belongs to the query of a `url` with an unescaped `?`. */
function joinAddress(fragment: string): string {
  let isInQuery = false
  return fragment.split('&').reduce((joined, part) => {
    const name = part.split('=', 1)[0] ?? ''
    const isSetting = NAMES.some(([, known]) => known === name)
    if (isSetting) isInQuery = name === 'url' && part.includes('?')
    return joined + (isInQuery && !isSetting ? '%26' : '&') + part
  }, '')
}
