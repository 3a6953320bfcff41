import { type Parser, Unexpected } from '../config/values.ts'

/** Parses a name that a test has chosen. */
export const name: Parser<string> = text => {
  if (text === '' || text.length > 128) throw new Unexpected('1 to 128 characters')
  return text
}
