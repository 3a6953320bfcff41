import { duration } from '../../config/values.ts'
import { defineParameter } from '../parameter.ts'

export const jitter = defineParameter({
  name: 'jitter',
  group: 'replies',
  label: 'Vary the delay',
  hint: 'give or take, such as 50ms',
  sentence: 'makes each delay longer or shorter at random, by up to this much, at most `5m`; the order is kept',
  example: '50ms',
  parse: duration('0', '5m'),
  up: {
    sentence: 'makes each `up-delay` longer or shorter at random, by up to this much, at most `5m`; the order is kept',
  },
  start(milliseconds, { createChance }) {
    const chance = createChance(0)
    return { wait: () => milliseconds * (2 * chance() - 1) }
  },
})
