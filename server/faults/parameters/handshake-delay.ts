import { duration } from '../../config/values.ts'
import { defineParameter } from '../parameter.ts'

export const handshakeDelay = defineParameter({
  name: 'handshake-delay',
  group: 'handshake',
  label: 'Delay the 101',
  hint: 'the 101 waits, such as 2s',
  sentence: 'the server sends the 101 after this time, at most `5m`',
  example: '2s',
  parse: duration('0', '5m'),
  recorded: 'later',
})
