import { size } from '../../config/values.ts'
import { defineParameter } from '../parameter.ts'

export const rate = defineParameter({
  name: 'rate',
  group: 'replies',
  label: 'Send slowly',
  hint: 'bytes per second, such as 64KiB',
  sentence: 'the server sends at most this many bytes per second; at least `1`',
  example: '64KiB',
  parse: size('1', '1GiB'),
  start: (bytesPerSecond, { outlet }) => ({ onOpen: () => outlet.limitRate(bytesPerSecond) }),
})
