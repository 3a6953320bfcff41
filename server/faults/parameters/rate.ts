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
  up: {
    label: 'Pass on slowly',
    sentence:
      'the messages from the client are passed on at no more than this many bytes per second; at least `1`. Not together with `read-rate`',
  },
  start: (bytesPerSecond, { outlet }) => ({ onOpen: () => outlet.limitRate(bytesPerSecond) }),
})
