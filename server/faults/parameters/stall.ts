import { flag } from '../flag.ts'
import { defineParameter } from '../parameter.ts'

export const stall = defineParameter({
  name: 'stall',
  group: 'end',
  label: 'Stop reading and sending',
  hint: 'stays connected, but is silent',
  sentence:
    'the server stops reading and answers nothing more, but stays connected. If the client leaves, the server notices within about a minute',
  example: '',
  parse: flag,
  isEnding: true,
  recorded: 'later',
  start: (_, { log, outlet, stop }) => ({
    trigger() {
      log(stall)
      stop()
      outlet.stall()
    },
  }),
})
