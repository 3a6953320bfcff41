import { constants, fstatSync, openSync, writeSync } from 'node:fs'
// The type declarations have a named export, but the module does not.
import sonicBoom from 'sonic-boom'

type Level = 'debug' | 'info' | 'warn' | 'error'
type Details = Record<string, unknown>
type Print = { (message: string): void; (details: Details, message: string): void }

/** Prints one line per call. Callers must make text from peers printable first. */
export type Logger = Record<Level, Print> & {
  /** Returns whether a level is printed. Ask before building an expensive line. */
  isLevelEnabled(level: Level): boolean
}

const LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent']

// The longest text that is printed whole, in UTF-16 code units.
const MAX_LENGTH = 200

// Bytes that may wait for a slow reader of the log. Lines beyond them are dropped.
const MAX_BACKLOG = 2 ** 22

// Characters passed to the stream at a time. A pipe cannot hold more.
const MAX_BATCH = 2 ** 16

// Milliseconds between writes. Writing each line on its own costs more than the rest of an echo.
const FLUSH_INTERVAL = 5

// Milliseconds to wait at the end for the last lines to be read.
const END_TIMEOUT = 1000

// Matches most texts in most scripts quickly.
const PLAIN = /^[ -~\u00a0-\u00ac\u00ae-\u05ff\u3000-\ud7ff]*$/

// All control, format and separator characters except the zero-width joiner, which emoji need.
const UNPRINTABLE = /[[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]--\u200d]/gv

// A text that could be mistaken for the fields that follow it on the line, or for a quoted text.
const LIKE_FIELDS = /^"|\s\w+=/

const escapeCharacter = (character: string) => {
  const code = character.codePointAt(0)?.toString(16) ?? ''
  if (code.length > 4) return `\\u{${code}}`
  return code.length > 2 ? `\\u${code.padStart(4, '0')}` : `\\x${code.padStart(2, '0')}`
}

/** Escapes invisible characters and those that control a terminal. */
export const escaped = (text: string): string => (PLAIN.test(text) ? text : text.replace(UNPRINTABLE, escapeCharacter))

const cut = (text: string, size: number, unit: string) => {
  if (text.length <= MAX_LENGTH) return escaped(text)
  const splitsPair = (text.codePointAt(MAX_LENGTH - 1) ?? 0) > 0xffff
  return `${escaped(text.slice(0, splitsPair ? MAX_LENGTH - 1 : MAX_LENGTH))}… (${size} ${unit})`
}

/** Makes text from a peer safe to print on one line: cuts it after 200 characters and escapes invisible ones. */
export function printable(text: string): string {
  return cut(text, text.length, 'characters')
}

/**
 * Shows a message's payload on one line: text as it is, binary as its length and hex. Both are cut and escaped, and no
 * more than the shown part is decoded.
 * @param payload valid UTF-8 if the message is text
 */
export function printablePayload(payload: Buffer, isBinary: boolean): string {
  if (isBinary) {
    const shown = MAX_LENGTH / 2
    return `${payload.length} bytes ${payload.toString('hex', 0, shown)}${payload.length > shown ? '…' : ''}`
  }
  // A code unit takes at most three bytes, so this covers the limit or the whole text.
  let end = 3 * MAX_LENGTH + 1
  // Decoding is much faster if it ends with a whole character.
  while ((payload[end] ?? 0) >> 6 === 0b10) end++
  const text = cut(payload.toString('utf8', 0, end), payload.length, 'bytes')
  return LIKE_FIELDS.test(text) ? JSON.stringify(text) : text
}

/** Receives the lines. While it is full, the logger drops and counts them. */
export type LogOutput = { write(line: string): unknown; readonly isFull?: boolean }

let time = 0
let iso = ''
const isoTime = () => {
  const now = Date.now()
  if (now !== time) iso = new Date(now).toISOString()
  time = now
  return iso
}

const join = (details: Details | undefined, before: string, between: string) => {
  let pairs = ''
  for (const key in details) {
    const value = details[key]
    const json = Number.isFinite(value) ? value : JSON.stringify(value)
    if (json !== undefined) pairs += `${before}${key}${between}${json}`
  }
  return pairs
}

/**
 * Creates a logger that prints lines of a level and above.
 * @param level a valid LOG_LEVEL
 * @param format `text` for people; `json` for machines, with one object per line. Times are ISO 8601 in UTC.
 */
export function createLogger(level: string, format: 'text' | 'json', output: LogOutput): Logger {
  let dropped = 0
  const lowest = LEVELS.indexOf(level)
  const isLevelEnabled = (level: Level) => LEVELS.indexOf(level) >= lowest
  const print = (at: Level): Print => {
    if (!isLevelEnabled(at)) return () => {}
    const label = at.toUpperCase().padEnd(5)
    const toLine = (message: string, details?: Details) =>
      format === 'json'
        ? `{"level":"${at}","time":"${isoTime()}"${join(details, ',"', '":')},"msg":${JSON.stringify(message)}}\n`
        : `${isoTime()} ${label} ${message}${join(details, ' ', '=')}\n`
    return (first: string | Details, message?: string) => {
      if (output.isFull) return void dropped++
      if (dropped > 0) {
        const lines = dropped
        dropped = 0
        warn({ lines }, 'Dropped log lines because nobody read them in time')
      }
      output.write(typeof first === 'string' ? toLine(first) : toLine(message ?? '', first))
    }
  }
  const warn = print('warn')
  return { isLevelEnabled, debug: print('debug'), info: print('info'), warn, error: print('error') }
}

/** Writes to standard output without waiting. Drops lines beyond a limit if nobody reads them. */
export function createOutput() {
  const fd = openStdout()
  const stream = new sonicBoom.SonicBoom({ fd, sync: false })
  let isOpen = true
  let batch = ''
  // Bytes that the stream has received but not written.
  let waiting = 0
  stream.on('write', (bytes: number) => (waiting -= bytes))
  const flush = () => {
    if (isOpen && batch !== '') {
      waiting += Buffer.byteLength(batch)
      stream.write(batch)
    }
    batch = ''
  }
  stream.on('error', ({ code }: NodeJS.ErrnoException) => {
    // Nobody reads the log any more. The server keeps running without it.
    if (code === 'EPIPE') isOpen = false
  })
  return {
    get isFull(): boolean {
      return waiting + batch.length > MAX_BACKLOG
    },

    write(line: string): void {
      if (batch === '') setTimeout(flush, FLUSH_INTERVAL)
      batch += line
      if (batch.length >= MAX_BATCH) flush()
    },
    /** Resolves when everything is written, or after a second if nobody reads. Later lines are dropped. */
    async end(): Promise<void> {
      flush()
      isOpen = false
      const ended = new Promise(resolve => stream.once('close', resolve))
      stream.end()
      const deadline = setTimeout(() => stream.destroy(), END_TIMEOUT)
      await ended
      clearTimeout(deadline)
    },
    /** Writes the last lines of a process that crashes, if they fit into the pipe. */
    crash(): void {
      try {
        // Not through the stream, which would retry forever if nobody reads.
        if (isOpen) writeSync(fd, batch)
      } catch {}
    },
  }
}

/**
 * Reopens standard output if it is a pipe, so that writing to a full pipe fails instead of blocking a thread, which
 * would keep the process from exiting.
 */
function openStdout(): number {
  try {
    // Reopening a file would write from its start, over the output of others.
    if (!fstatSync(1).isFIFO()) return 1
    return openSync('/dev/stdout', constants.O_WRONLY | constants.O_APPEND | constants.O_NONBLOCK)
  } catch {
    return 1
  }
}
