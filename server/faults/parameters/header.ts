import type { IncomingMessage } from 'node:http'
import { type Parser, Unexpected } from '../../config/values.ts'
import { defineParameter } from '../parameter.ts'

type Header = [name: string, value: string]

// Fields that frame or route an answer, that NGINX acts on, or through which a link could harm a visitor of the server.
const UNSAFE = new RegExp(
  `^(${[
    'connection|keep-alive|proxy-connection|te|trailer|transfer-encoding|upgrade|date|server|location|refresh|link',
    'content-.*|sec-.*|access-control-.*|x-accel-.*|x-pad|x-content-type-options|service-worker.*|retry-after',
    'strict-transport-security|public-key-pins.*|expect-ct|alt-svc|clear-site-data|nel|report-to|reporting-endpoints',
  ].join('|')})$`,
  'i',
)

const isCookie = (name: string) => /^set-cookie$/i.test(name)

const field: Parser<Header> = text => {
  // NGINX drops a header whose name has only special characters.
  const [, name = '', value = ''] = /^([a-z][!#$%&'*+.^`|~\w-]{0,63}):[ \t]*([ -~\t]{0,1024})$/i.exec(text) ?? []
  if (name === '')
    throw new Unexpected(
      'Name:value in ASCII, with a name of at most 64 characters that begins with a letter, and a value of at most 1024',
    )
  if (UNSAFE.test(name)) throw new Unexpected(`a header that is safe to set, which ${name} is not`)
  // A cookie for a whole domain would reach other servers.
  if (isCookie(name) && /;\s*domain\s*=/i.test(value)) throw new Unexpected('a cookie without Domain')
  return [name, value.trimEnd()]
}

export const header = defineParameter<Header, Header[]>({
  name: 'header',
  group: 'handshake',
  label: 'Response headers',
  hint: 'Name:value, one on each line',
  sentence:
    'the answer to the handshake has this header, whether it is a 101, a refusal or a redirect; may be given up to 8 times',
  example: 'Set-Cookie:a=1',
  parse: field,
  most: 8,
  amend: (fields, { added }, request) => void added.push(...fieldsFor(fields, request)),
})

/** Returns the headers that the answer to a request may have. */
export const fieldsFor = (fields: readonly Header[], request: IncomingMessage): readonly Header[] =>
  maySetCookies(request) ? fields : fields.filter(([name]) => !isCookie(name))

// A cookie reaches every port of its host, so links and pages of other hosts must not set one. Only a handshake has the key.
function maySetCookies({ headers }: IncomingMessage): boolean {
  const { origin, host, 'sec-websocket-key': key } = headers
  const hostOf = (url: string) => URL.parse(url)?.hostname
  return key !== undefined && (origin === undefined || hostOf(origin) === hostOf(`http://${host}`))
}

/** Returns the values of headers by name, each name as it was first written. */
export function byName(fields: readonly Header[]): Record<string, string[]> {
  const headers = new Map<string, { name: string; values: string[] }>()
  for (const [name, value] of fields) {
    const known = headers.get(name.toLowerCase())
    if (known) known.values.push(value)
    else headers.set(name.toLowerCase(), { name, values: [value] })
  }
  return Object.fromEntries(Array.from(headers.values(), ({ name, values }) => [name, values]))
}
