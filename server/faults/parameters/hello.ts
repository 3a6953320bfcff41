import { flag } from '../flag.ts'
import { defineParameter } from '../parameter.ts'

export const hello = defineParameter({
  name: 'hello',
  group: 'first',
  label: 'Describe the handshake',
  hint: 'the first message is the handshake, as JSON',
  sentence: 'the first message is JSON that describes the [handshake as the server saw it](#hello)',
  example: '',
  parse: flag,
  start: (_, { hello, pushText }) => ({ onOpen: () => hello !== undefined && pushText(hello) }),
})
