import { name } from '../name.ts'
import { defineParameter } from '../parameter.ts'

export const key = defineParameter({
  name: 'key',
  group: 'sequence',
  label: 'Count under this name',
  hint: 'counts connections by this name',
  sentence:
    '`times` counts the connections with this key and the same query together; at most 128 characters. Without a key, it counts those from the same address',
  example: 'login-test',
  parse: name,
  needs: ['times'],
  recorded: 'never',
})
