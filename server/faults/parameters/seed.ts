import { integer } from '../../config/values.ts'
import { defineParameter } from '../parameter.ts'

export const seed = defineParameter({
  name: 'seed',
  group: 'replies',
  label: 'Random seed',
  hint: 'makes chance repeat, such as 42',
  sentence: 'makes `loss`, `jitter`, `up-loss` and `up-jitter` repeat exactly on every run (0–4294967295)',
  example: '42',
  parse: integer(0, 2 ** 32 - 1),
  recorded: 'never',
  isForBoth: true,
})
