import { type Parser, text, Unexpected } from '../config/values.ts'

/** Parses a close code that an endpoint may send (RFC 6455, section 7.4). */
export const closeCode: Parser<number> = text => {
  const code = /^\d{4}$/.test(text) ? Number(text) : 0
  if (code < 1000 || (code > 1003 && code < 1007) || (code > 1014 && code < 3000) || code > 4999) {
    throw new Unexpected('a close code: 1000 to 1003, 1007 to 1014 or 3000 to 4999')
  }
  return code
}

/** Parses the reason of a close frame (section 5.5). */
export const closeReason = text(123)
