import { type Logger, pino } from 'pino'

export type { Logger }

/** Where finished lines go. */
export type LogDestination = { write(line: string): unknown }

const LIMIT = 200

// Characters that wait for a slow reader of the log; what comes beyond them is dropped.
const BACKLOG = 2 ** 22

const UNPRINTABLE = /[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}]/gu

const escapeCharacter = (character: string) => {
  const code = character.charCodeAt(0).toString(16)
  return code.length > 2 ? `\\u${code.padStart(4, '0')}` : `\\x${code.padStart(2, '0')}`
}

/** Makes a text that a peer chose safe to print on one line: cut after 200 characters, controls escaped. */
export function printable(text: string): string {
  const shown = text.length > LIMIT ? `${text.slice(0, LIMIT)}… (${text.length} characters)` : text
  return shown.replace(UNPRINTABLE, escapeCharacter)
}

/** Shows a message's payload on one line: text as it is, binary as its length and hex, both cut and escaped. */
export function printablePayload(payload: Buffer, isBinary: boolean): string {
  if (!isBinary) return printable(payload.toString())
  return `${payload.length} bytes ${payload.toString('hex', 0, LIMIT / 2)}${payload.length > LIMIT / 2 ? '…' : ''}`
}

/** @param format `text` for people, `json` for machines: one object a line, with an ISO 8601 time */
export function createLogger(level: string, format: 'text' | 'json', destination?: LogDestination): Logger {
  const output = destination ?? pino.destination({ dest: 1, sync: false, maxLength: BACKLOG })
  const options = {
    level,
    base: null,
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
  }
  if (format === 'json') return pino(options, output)

  return pino(options, { write: line => output.write(toText(line)) })
}

function toText(line: string): string {
  const { time, level, msg, ...details } = JSON.parse(line)
  const pairs = Object.entries(details).map(([key, value]) => ` ${key}=${JSON.stringify(value)}`)
  return `${time.slice(11, 23)} ${level.toUpperCase().padEnd(5)} ${msg}${pairs.join('')}\n`
}
