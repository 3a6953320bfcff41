import { size } from '../../config/values.ts'
import { defineParameter } from '../parameter.ts'

export const readRate = defineParameter({
  name: 'read-rate',
  group: 'replies',
  label: 'Read slowly',
  hint: 'bytes per second, such as 1KiB',
  sentence:
    'the server reads at most this many bytes per second; at least `1`. A fast client must wait until it can send more',
  example: '1KiB',
  parse: size('1', '1GiB'),
  start: (bytesPerSecond, { outlet }) => ({ onOpen: () => outlet.limitReading(bytesPerSecond) }),
})
