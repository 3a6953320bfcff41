import { oneOf } from '../../config/values.ts'
import { defineParameter } from '../parameter.ts'

export const pings = defineParameter({
  name: 'pings',
  group: 'first',
  label: 'No pings, no pongs',
  sentence: 'the server does not answer pings, and sends none',
  example: 'ignore',
  parse: oneOf('ignore'),
  start: () => ({ ignoresPings: true, isUnwatched: true }),
})
