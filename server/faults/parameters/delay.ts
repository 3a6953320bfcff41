import { duration } from '../../config/values.ts'
import { defineParameter } from '../parameter.ts'

export const delay = defineParameter({
  name: 'delay',
  group: 'replies',
  label: 'Delay each reply',
  hint: 'each reply waits, such as 250ms',
  sentence: 'every reply waits this long, at most `5m`; the order is kept',
  example: '250ms',
  parse: duration('0', '5m'),
  up: {
    label: 'Delay each message',
    hint: 'each message waits, such as 250ms',
    sentence: 'every message from the client waits this long before it is passed on, at most `5m`; the order is kept',
  },
  start: milliseconds => ({ wait: () => milliseconds }),
})
