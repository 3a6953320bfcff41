import { integer } from '../../config/values.ts'
import { defineParameter } from '../parameter.ts'

export const slice = defineParameter({
  name: 'slice',
  group: 'replies',
  label: 'Send in small TCP segments',
  hint: 'bytes per TCP segment, such as 3',
  sentence:
    'everything is sent in TCP segments of at most this many bytes (1–65535), 2 ms apart, so that frames arrive in pieces',
  example: '3',
  parse: integer(1, 65_535),
  start: (bytes, { outlet }) => ({ onOpen: () => outlet.slice(bytes) }),
})
