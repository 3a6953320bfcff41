import { integer } from '../../config/values.ts'
import { defineParameter } from '../parameter.ts'
import { body } from './body.ts'
import { retryAfter } from './retry-after.ts'

/** The headers without which an answer with this status is invalid (RFC 9110, section 15). */
const REQUIRED: Readonly<Record<number, Record<string, string>>> = {
  401: { 'WWW-Authenticate': 'Basic realm="echo", charset="UTF-8"' },
  405: { Allow: 'GET' },
  407: { 'Proxy-Authenticate': 'Basic realm="echo", charset="UTF-8"' },
  426: { Connection: 'Upgrade, close', Upgrade: 'websocket' },
}

export const reject = defineParameter({
  name: 'reject',
  group: 'handshake',
  label: 'Refuse with this status',
  hint: 'an HTTP status, such as 503',
  sentence:
    'the handshake is refused with this status (200–599); not together with `redirect`, `close`, `drop`, `stall` or `corrupt`',
  example: '503',
  parse: integer(200, 599),
  isEnding: true,
  recorded: 'later',
  answer(status, _, faults) {
    const problem = `Refused with ${status} because of reject=${status}`
    const wait = faults.get(retryAfter)
    return {
      reason: 'asked',
      status,
      headers: { ...REQUIRED[status], ...(wait && { 'Retry-After': wait() }) },
      body: faults.get(body) ?? problem,
      problem,
    }
  },
})
