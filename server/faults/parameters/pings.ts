import { oneOf } from '../../config/values.ts'
import { defineParameter } from '../parameter.ts'

export const pings = defineParameter({
  name: 'pings',
  group: 'first',
  label: 'No pings, no pongs',
  hint: 'the server ignores pings and sends none',
  sentence: 'changes how the server treats pings',
  example: 'ignore',
  values: { ignore: 'the server does not answer pings, and sends none' },
  parse: oneOf('ignore'),
  start: () => ({ ignoresPings: true, isUnwatched: true }),
})
