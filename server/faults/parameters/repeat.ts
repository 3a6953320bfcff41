import { integer } from '../../config/values.ts'
import { defineParameter } from '../parameter.ts'

export const repeat = defineParameter({
  name: 'repeat',
  group: 'replies',
  label: 'Repeat each reply',
  hint: 'answers to each message: 1–1000',
  sentence: 'each message is answered this many times (1–1000)',
  example: '3',
  parse: integer(1, 1000),
  start: times => ({ times }),
})
