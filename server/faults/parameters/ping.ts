import { duration, type Parser } from '../../config/values.ts'
import { defineParameter } from '../parameter.ts'

const betweenPings = duration('10ms', '24h')
const interval: Parser<number> = text => (text === '0' ? 0 : betweenPings(text))

export const ping = defineParameter({
  name: 'ping',
  group: 'first',
  label: 'Send pings at an interval',
  hint: 'such as 1s; 0 for none',
  sentence:
    'the server sends pings at this interval, from `10ms` to `24h`; `0` turns them off. Each ping must be answered before the next one',
  example: '1s',
  parse: interval,
  start: (interval, { every, faults, outlet }) => ({
    isUnwatched: true,
    onOpen() {
      if (interval > 0 && !faults.has('pings')) every(interval, () => outlet.checkPeer(interval))
    },
  }),
})
