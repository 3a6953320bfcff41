import { duration } from '../../config/values.ts'
import { defineParameter } from '../parameter.ts'

export const closeDelay = defineParameter({
  name: 'close-delay',
  group: 'close',
  label: 'Answer the close late',
  hint: 'the answer waits, such as 2s',
  sentence: "the server answers the client's close frame after this time, at most `5m`",
  example: '2s',
  parse: duration('0', '5m'),
  recorded: 'later',
  start: (milliseconds, { log }) => ({
    closeDelay: milliseconds,
    answerClose() {
      log(closeDelay)
      return undefined
    },
  }),
})
