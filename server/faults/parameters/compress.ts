import { oneOf } from '../../config/values.ts'
import { defineParameter } from '../parameter.ts'

export const compress = defineParameter<'off' | 'takeover'>({
  name: 'compress',
  group: 'handshake',
  label: 'Compression',
  hint: 'how replies are compressed',
  sentence: 'chooses the compression',
  example: 'off',
  values: {
    off: 'the server accepts no compression',
    takeover:
      "the server compresses every message, and keeps the compression's context from one message to the next on both sides. The client's offer of `permessage-deflate` must allow it",
  },
  parse: oneOf('off', 'takeover'),
})
