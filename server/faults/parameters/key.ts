import { name } from '../name.ts'
import { defineParameter } from '../parameter.ts'

export const key = defineParameter({
  name: 'key',
  group: 'sequence',
  label: 'Counted under this name',
  sentence:
    'connections with the same key and query are counted together for `times`; at most 128 characters. Without it, those from the same address are',
  example: 'login-test',
  parse: name,
  needs: ['times'],
  strikes: 'never',
})
