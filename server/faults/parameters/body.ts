import { text } from '../../config/values.ts'
import { defineParameter } from '../parameter.ts'
import { hasContent } from '../status.ts'

export const body = defineParameter({
  name: 'body',
  group: 'handshake',
  label: 'Body of the refusal',
  hint: 'the text of the refusal',
  sentence: 'the body of the refusal, as plain text, at most 1 KiB',
  example: 'later',
  parse: text(1024),
  needs: ['reject'],
  recorded: 'never',
  check(_, faults) {
    const status = Number(faults.textOf({ name: 'reject' }).slice('reject='.length))
    return hasContent(status) ? undefined : `body does not go with reject=${status}, an answer without a body`
  },
})
