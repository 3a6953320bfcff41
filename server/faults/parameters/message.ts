import { type Parser, Unexpected } from '../../config/values.ts'
import { defineParameter } from '../parameter.ts'

const text: Parser<string> = text => {
  if (Buffer.byteLength(text) > 16_384) throw new Unexpected('at most 16 KiB')
  return text
}

export const message = defineParameter<string, string[]>({
  name: 'message',
  group: 'first',
  label: 'Send these texts',
  sentence:
    'the server sends this text first; may be given up to 16 times. With `tick`, each tick sends the next of these texts instead',
  example: 'welcome',
  parse: text,
  most: 16,
  start: (texts, { faults, pushText }) => ({
    onOpen() {
      if (!faults.has('tick')) for (const text of texts) pushText(text)
    },
  }),
})
