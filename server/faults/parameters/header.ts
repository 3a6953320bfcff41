import { type Parser, Unexpected } from '../../config/values.ts'
import { defineParameter } from '../parameter.ts'

type Header = [name: string, value: string]

// Fields that frame or route an answer, that NGINX acts on, or through which a link could harm a visitor of the server.
const UNSAFE = new RegExp(
  `^(${[
    'connection|keep-alive|proxy-connection|te|trailer|transfer-encoding|upgrade|date|server|location|refresh|link',
    'content-.*|sec-.*|access-control-.*|x-accel-.*|x-content-type-options|service-worker.*|retry-after',
    'strict-transport-security|public-key-pins.*|expect-ct|alt-svc|clear-site-data|nel|report-to|reporting-endpoints',
  ].join('|')})$`,
  'i',
)

const field: Parser<Header> = text => {
  const [, name = '', value = ''] = /^([!#$%&'*+.^`|~\w-]{1,64}):[ \t]*([ -~\t]{0,1024})$/.exec(text) ?? []
  if (name === '')
    throw new Unexpected('Name:value in ASCII, with a name of at most 64 and a value of at most 1024 characters')
  if (UNSAFE.test(name)) throw new Unexpected(`a header that is safe to set, which ${name} is not`)
  // A cookie for a whole domain would reach other servers.
  if (/^set-cookie$/i.test(name) && /;\s*domain\s*=/i.test(value)) throw new Unexpected('a cookie without Domain')
  return [name, value.trimEnd()]
}

export const header = defineParameter<Header, Header[]>({
  name: 'header',
  group: 'handshake',
  label: 'Response headers',
  sentence:
    'the answer to the handshake has this header, whether it is a 101, a refusal or a redirect; may be given up to 8 times',
  example: 'Set-Cookie:a=1',
  parse: field,
  most: 8,
  amend: (fields, { added }) => void added.push(...fields),
})

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
