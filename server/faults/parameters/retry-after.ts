import { duration, rephrase, Unexpected } from '../../config/values.ts'
import { defineParameter } from '../parameter.ts'

const period = duration('0', '24h')

/** Returns the value of the header, which may be a date that counts from now (RFC 9110, section 10.2.3). */
const header = rephrase<() => string>(
  text => {
    const [, date, wait = ''] = /^(date:)?(.*)$/s.exec(text) ?? []
    const milliseconds = period(wait)
    if (milliseconds % 1000 !== 0) throw new Unexpected('whole seconds')
    return () => (date ? new Date(Date.now() + milliseconds).toUTCString() : `${milliseconds / 1000}`)
  },
  () => 'whole seconds from 0s to 24h, such as 5s, or date:5s for a date',
)

export const retryAfter = defineParameter({
  name: 'retry-after',
  group: 'handshake',
  label: 'Ask to retry after',
  hint: 'such as 5s, or date:5s',
  sentence:
    "the refusal asks the client to wait this long (`Retry-After`), in whole seconds and at most `24h`; with `date:5s` it is a date, 5 s from now by the server's clock",
  example: '5s',
  parse: header,
  needs: ['reject'],
  recorded: 'never',
})
