import { duration } from '../../config/values.ts'
import { defineParameter } from '../parameter.ts'
import { message } from './message.ts'

export const tick = defineParameter({
  name: 'tick',
  group: 'first',
  label: 'Send at an interval',
  hint: 'tick 1, tick 2, … such as 1s',
  sentence:
    'the server sends `tick 1`, `tick 2`, … at this interval, from `10ms` to `1h`. A tick that cannot be sent waits, and the next one is skipped',
  example: '1s',
  parse: duration('10ms', '1h'),
  start(interval, context) {
    const texts = context.faults.get(message)
    let count = 0
    return {
      onOpen() {
        context.every(interval, () => {
          if (context.isPushing) return
          context.pushText(texts?.[count % texts.length] ?? `tick ${count + 1}`)
          count++
        })
      },
    }
  },
})
