import { duration, integer, rephrase } from '../../config/values.ts'
import { defineParameter } from '../parameter.ts'
import { corrupt } from './corrupt.ts'

type Moment = { messages?: number; milliseconds?: number }

const messages = integer(0, 1_000_000)
const milliseconds = duration('0', '1h')
const moment = rephrase<Moment>(
  text => (/^\d+$/.test(text) ? { messages: messages(text) } : { milliseconds: milliseconds(text) }),
  () => 'messages from 0 to 1000000, such as 5, or a duration from 0s to 1h, such as 2s',
)

export const after = defineParameter({
  name: 'after',
  group: 'end',
  label: 'When it happens',
  hint: 'messages or a time: 5, 2s',
  sentence:
    '`close`, `drop`, `stall` or `corrupt` happens once this many messages have arrived and been answered (0–1000000), or this long after the connection opened, such as `2s` (at most `1h`). Without `after` it happens at once',
  example: '5',
  parse: moment,
  needs: ['close', 'drop', 'stall', 'corrupt'],
  recorded: 'never',
  up: {
    sentence:
      '`up-close` or `up-corrupt` happens once this many messages from the client have been passed on (0–1000000), or this long after the connection opened, such as `2s` (at most `1h`). Without `up-after` it happens at once',
  },
  check: (_, faults) =>
    faults.get(corrupt) === 'header' ? 'after does not go with corrupt=header, which comes with the 101' : undefined,
})
