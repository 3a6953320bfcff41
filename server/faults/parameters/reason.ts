import { closeReason } from '../close-code.ts'
import { defineParameter } from '../parameter.ts'

export const reason = defineParameter({
  name: 'reason',
  group: 'end',
  label: 'Reason of the close',
  hint: 'text that goes with the close code',
  sentence: 'the reason that goes with `close`, at most 123 bytes',
  example: 'overloaded',
  parse: closeReason,
  needs: ['close'],
  up: { sentence: 'the reason that goes with `up-close`, at most 123 bytes' },
  recorded: 'never',
})
