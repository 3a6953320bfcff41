const FORMATS = ['text', 'json', 'hex', 'base64'] as const

/** How the text in the message field is encoded. */
export type Format = (typeof FORMATS)[number]

/** The message field, as it was typed. */
export type Draft = { format: Format; message: string }

/** The settings that a link can contain. */
export type Setup = Draft & {
  url: string
  /** As they were typed. */
  protocols: string
}

/** In characters. */
const LONGEST_MESSAGE = 4000
const SCHEMES = ['ws:', 'wss:', 'http:', 'https:']

const NAMES = [
  ['url', 'url'],
  ['protocols', 'protocol'],
  ['format', 'format'],
  ['message', 'message'],
] as const

/** Reads the fragment of an address. Missing or invalid settings are left out. */
export function readLink(hash: string): Partial<Setup> {
  const values = new URLSearchParams(hash.replace(/^#/, ''))
  const setup: Partial<Setup> = {}
  for (const [key, name] of NAMES) {
    const value = values.get(name)
    if (value === null) continue
    if (key !== 'format') setup[key] = value
    else if (isFormat(value)) setup.format = value
  }
  return setup
}

/** Writes the settings that differ from the defaults as a fragment, or an empty string. Leaves out a very long message. */
export function writeLink(setup: Setup, defaults: Setup): string {
  const values = new URLSearchParams()
  for (const [key, name] of NAMES) {
    if (setup[key] === defaults[key] || (key === 'message' && setup.message.length > LONGEST_MESSAGE)) continue
    values.set(name, setup[key])
  }
  const fragment = values.toString()
  return fragment && `#${fragment}`
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

export function isFormat(value: unknown): value is Format {
  return FORMATS.some(format => format === value)
}
