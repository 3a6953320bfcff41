import type { IncomingMessage } from 'node:http'
import { type Parser, Unexpected } from '../../config/values.ts'
import { defineParameter } from '../parameter.ts'

/** The credentials that a handshake must bring, and the challenge for those that don't (RFC 9110, section 11). */
type Credentials = { scheme: 'Basic' | 'Bearer'; text: string; challenge: string }

const credentials: Parser<Credentials> = text => {
  const [, scheme, rest = ''] = /^(basic|bearer):([ -~\u{a0}-\u{10ffff}]+)$/u.exec(text) ?? []
  // RFC 7617, section 2.
  if (scheme === 'basic' && rest.includes(':')) {
    return {
      scheme: 'Basic',
      text: Buffer.from(rest).toString('base64'),
      challenge: 'Basic realm="echo", charset="UTF-8"',
    }
  }
  // RFC 6750, section 2.1.
  if (scheme === 'bearer' && /^[\w.~+/-]+=*$/.test(rest))
    return { scheme: 'Bearer', text: rest, challenge: 'Bearer realm="echo"' }
  throw new Unexpected('basic:user:password or bearer:token')
}

/** Returns why a handshake is not authorized, or `undefined` if it is. */
function problemOf({ scheme, text }: Credentials, { headers }: IncomingMessage): string | undefined {
  const [, given, credentials] = /^(\S+) +(\S+)$/.exec(headers.authorization ?? '') ?? []
  if (headers.authorization === undefined) return 'the request has no Authorization header'
  if (given?.toLowerCase() !== scheme.toLowerCase()) return `the Authorization header does not use ${scheme}`
  return credentials === text ? undefined : 'the credentials are wrong'
}

export const auth = defineParameter({
  name: 'auth',
  group: 'handshake',
  label: 'Ask for credentials',
  hint: 'basic:user:password or bearer:token',
  sentence:
    'a handshake without these credentials (`basic:user:password` or `bearer:token`) gets 401 with `WWW-Authenticate`',
  example: 'basic:user:password',
  parse: credentials,
  recorded: 'later',
  answer(required, request) {
    const why = problemOf(required, request)
    if (why === undefined) return undefined
    const problem = `Refused with 401 because of auth=${required.scheme.toLowerCase()}: ${why}`
    return { reason: 'asked', status: 401, headers: { 'WWW-Authenticate': required.challenge }, body: problem, problem }
  },
})
