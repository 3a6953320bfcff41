import { text } from '../../config/values.ts'
import { defineParameter } from '../parameter.ts'

export const message = defineParameter<string, string[]>({
  name: 'message',
  group: 'first',
  label: 'Send these texts',
  hint: 'one on each line',
  sentence:
    'the server sends this text first; may be given up to 16 times. With `tick`, each tick sends the next of these texts instead',
  example: 'welcome',
  parse: text(16_384),
  most: 16,
  start: (texts, { faults, pushText }) => ({
    onOpen() {
      if (!faults.has('tick')) for (const text of texts) pushText(text)
    },
  }),
})
