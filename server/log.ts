import { constants, openSync } from 'node:fs'
import { type Logger, pino } from 'pino'

export type { Logger }

/** Where finished lines go. */
export type LogDestination = { write(line: string): unknown }

/** Standard output, written to without waiting; what nobody reads is dropped beyond a limit. */
export type LogOutput = LogDestination & {
  /** Resolves when all has been written, or nobody has read it for a second. */
  end(): Promise<void>
}

const LIMIT = 200

// Characters that wait for a slow reader of the log; what comes beyond them is dropped.
const BACKLOG = 2 ** 22

// Milliseconds for the last lines to be read.
const PATIENCE = 1000

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
export function createLogger(level: string, format: 'text' | 'json', output: LogDestination): Logger {
  const options = {
    level,
    base: null,
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
  }
  if (format === 'json') return pino(options, output)

  return pino(options, { write: line => output.write(toText(line)) })
}

/** Where the server's log goes unless it is told otherwise. */
export function createOutput(): LogOutput {
  const stream = pino.destination({ fd: openStdout(), sync: false, maxLength: BACKLOG })
  // Nobody reads it any more: the log ends, and the echo goes on.
  stream.on('error', () => {})
  return {
    write: line => stream.write(line),
    async end() {
      const ended = new Promise(resolve => stream.once('close', resolve))
      stream.end()
      const deadline = setTimeout(() => stream.destroy(), PATIENCE)
      await ended
      clearTimeout(deadline)
    },
  }
}

/**
 * Opens standard output anew where that is possible, so that writing to a full pipe fails instead of waiting: it would
 * wait in a thread, and the process could not end while it does.
 */
function openStdout(): number {
  try {
    return openSync('/dev/stdout', constants.O_WRONLY | constants.O_APPEND | constants.O_NONBLOCK)
  } catch {
    return 1
  }
}

function toText(line: string): string {
  const { time, level, msg, ...details } = JSON.parse(line)
  const pairs = Object.entries(details).map(([key, value]) => ` ${key}=${JSON.stringify(value)}`)
  return `${time.slice(11, 23)} ${level.toUpperCase().padEnd(5)} ${msg}${pairs.join('')}\n`
}
