import { closeCode } from '../close-code.ts'
import { defineParameter } from '../parameter.ts'
import { reason } from './reason.ts'

export const close = defineParameter({
  name: 'close',
  group: 'end',
  label: 'Close with this code',
  hint: 'a close code, such as 1011',
  sentence: 'the server closes with this code: 1000–1003, 1007–1014 or 3000–4999',
  example: '1011',
  parse: closeCode,
  up: {
    sentence:
      'a close frame with this code is passed on as if the client had closed: 1000–1003, 1007–1014 or 3000–4999',
  },
  isEnding: true,
  recorded: 'later',
  start: (code, { faults, log, outlet }) => ({
    trigger() {
      log(close)
      outlet.close(code, faults.get(reason) ?? '')
    },
  }),
})
