import { rephrase } from '../../config/values.ts'
import { closeCode } from '../close-code.ts'
import { defineParameter } from '../parameter.ts'

const answer = rephrase<number | 'none'>(
  text => (text === 'none' ? text : closeCode(text)),
  expected => `none, or ${expected}`,
)

export const closeReply = defineParameter({
  name: 'close-reply',
  group: 'close',
  label: 'Answer the close differently',
  hint: 'none, or another code such as 1011',
  sentence:
    "the server never answers the client's close frame, and waits until the client ends the connection, at most for `STALL_TIMEOUT`. With a close code such as `1011` instead of `none`, it answers with that code",
  example: 'none',
  parse: answer,
  recorded: 'later',
  start: (code, { log }) => ({
    answerClose() {
      log(closeReply)
      return code
    },
  }),
})
