import { type Parser, Unexpected } from '../config/values.ts'

/** Parses the value of a parameter that has none. */
export const flag: Parser<true> = text => {
  if (text !== '') throw new Unexpected('no value')
  return true
}
