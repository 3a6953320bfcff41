import { integer } from '../../config/values.ts'
import { defineParameter } from '../parameter.ts'

export const times = defineParameter({
  name: 'times',
  group: 'sequence',
  label: 'Only the first connections',
  hint: 'later ones have no faults, such as 2',
  sentence:
    'the faults apply only to the first connections with this query, up to this number (1–1000000); later ones are served as if the query had no faults',
  example: '2',
  parse: integer(1, 1_000_000),
  recorded: 'never',
})
