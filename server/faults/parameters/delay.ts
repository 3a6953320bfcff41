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
  start: milliseconds => ({ wait: () => milliseconds }),
})
