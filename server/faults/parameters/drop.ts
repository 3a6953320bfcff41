import { oneOf } from '../../config/values.ts'
import { defineParameter } from '../parameter.ts'
import { after } from './after.ts'

// Milliseconds for the last reply to arrive. An RST discards bytes that the peer's system has not acknowledged.
const BEFORE_RESET = 100

export const drop = defineParameter<'fin' | 'rst'>({
  name: 'drop',
  group: 'end',
  label: 'Drop without a close frame',
  hint: 'the TCP connection just ends',
  sentence: 'the TCP connection ends without a close frame',
  example: 'fin',
  values: {
    fin: 'the TCP connection ends normally (FIN), without a close frame',
    rst: "the TCP connection ends by a reset (RST). NGINX and Docker's port proxy [turn it into a FIN](#how-parameters-combine)",
  },
  parse: oneOf('fin', 'rst'),
  isEnding: true,
  recorded: 'later',
  start: (how, { faults, later, log, outlet, stop }) => ({
    trigger() {
      log(drop)
      stop()
      if (how === 'fin' || faults.get(after)?.messages === undefined) return outlet.drop(how)
      outlet.silence()
      return later(BEFORE_RESET, () => outlet.drop('rst'))
    },
  }),
})
