import { name } from '../name.ts'
import { defineParameter } from '../parameter.ts'

export const testId = defineParameter({
  name: 'test-id',
  group: 'sequence',
  label: 'Belongs to this test',
  hint: 'for the control port',
  sentence:
    'the connection belongs to this test, as with the header `X-Test-Id`; at most 128 characters. The control port can [set faults for one test, and filter by it](control-port.md#tests-in-parallel)',
  example: 'login',
  parse: name,
  recorded: 'never',
})
