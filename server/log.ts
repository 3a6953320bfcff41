import { constants, fstatSync, openSync, writeSync } from 'node:fs'
// Its type declarations have a named export, its module has none.
import sonicBoom from 'sonic-boom'

type Level = 'debug' | 'info' | 'warn' | 'error'
type Details = Record<string, unknown>
type Print = { (message: string): void; (details: Details, message: string): void }

/** Prints a line for each call, as it is given: what a peer chose has to be made printable. */
export type Logger = Record<Level, Print> & {
  /** Tells whether a level is printed, so that no line is put together in vain. */
  isLevelEnabled(level: Level): boolean
}

const LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent']

// UTF-16 code units of a text.
const MAX_LENGTH = 200

// Bytes that wait for a slow reader of the log; what comes beyond them is dropped.
const MAX_BACKLOG = 2 ** 22

// Characters that the stream is given at once. No more would fit into a pipe.
const MAX_BATCH = 2 ** 16

// Milliseconds in which lines are gathered: writing each alone costs more than the rest of an echo.
const FLUSH_INTERVAL = 5

// Milliseconds for the last lines to be read.
const END_TIMEOUT = 1000

// Most texts in most scripts: they are told at a glance.
const PLAIN = /^[ -~\u00a0-\u00ac\u00ae-\u05ff\u3000-\ud7ff]*$/

// The zero-width joiner is none: it makes emoji.
const UNPRINTABLE = /[[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]--\u200d]/gv

// A text that could be taken for the fields that follow it on the line, or for a text that was quoted.
const LIKE_FIELDS = /^"|\s\w+=/

const escapeCharacter = (character: string) => {
  const code = character.codePointAt(0)?.toString(16) ?? ''
  if (code.length > 4) return `\\u{${code}}`
  return code.length > 2 ? `\\u${code.padStart(4, '0')}` : `\\x${code.padStart(2, '0')}`
}

/** Makes what can't be seen in a text visible, or what steers a terminal harmless. */
export const escaped = (text: string): string => (PLAIN.test(text) ? text : text.replace(UNPRINTABLE, escapeCharacter))

const cut = (text: string, size: number, unit: string) => {
  if (text.length <= MAX_LENGTH) return escaped(text)
  const splitsPair = (text.codePointAt(MAX_LENGTH - 1) ?? 0) > 0xffff
  return `${escaped(text.slice(0, splitsPair ? MAX_LENGTH - 1 : MAX_LENGTH))}… (${size} ${unit})`
}

/** Makes a text that a peer chose safe to print on one line: cut after 200 characters, what can't be seen escaped. */
export function printable(text: string): string {
  return cut(text, text.length, 'characters')
}

/**
 * Shows a message's payload on one line: text as it is, binary as its length and hex, both cut and escaped. No more of
 * it is decoded than may be shown.
 * @param payload of a text message, valid UTF-8
 */
export function printablePayload(payload: Buffer, isBinary: boolean): string {
  if (isBinary) {
    return `${payload.length} bytes ${payload.toString('hex', 0, MAX_LENGTH / 2)}${payload.length > MAX_LENGTH / 2 ? '…' : ''}`
  }
  // A code unit takes three bytes at most: this is more than the limit, or all.
  let end = 3 * MAX_LENGTH + 1
  // Whole characters are decoded much faster.
  while ((payload[end] ?? 0) >> 6 === 0b10) end++
  const text = cut(payload.toString('utf8', 0, end), payload.length, 'bytes')
  return LIKE_FIELDS.test(text) ? JSON.stringify(text) : text
}

/** Where lines go; while it is full they are dropped and counted. */
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
 * Creates a logger that prints a level and those above it.
 * @param level one that the configuration allows
 * @param format `text` for people, `json` for machines: one object a line; times are ISO 8601, in UTC
 */
export function createLogger(level: string, format: 'text' | 'json', output: LogOutput): Logger {
  let dropped = 0
  const lowest = LEVELS.indexOf(level)
  const isLevelEnabled = (asked: Level) => LEVELS.indexOf(asked) >= lowest
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
        warn({ lines }, 'Dropped lines of the log, which was not read in time')
      }
      output.write(typeof first === 'string' ? toLine(first) : toLine(message ?? '', first))
    }
  }
  const warn = print('warn')
  return { isLevelEnabled, debug: print('debug'), info: print('info'), warn, error: print('error') }
}

/** Standard output, written to without waiting; what nobody reads is dropped beyond a limit. */
export function createOutput() {
  const fd = openStdout()
  const stream = new sonicBoom.SonicBoom({ fd, sync: false })
  let isOpen = true
  let batch = ''
  // Bytes that the stream has been given but has not written yet.
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
    // Nobody reads it any more: the log ends, and the echo goes on.
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
    /** Resolves when all has been written, or nobody has read it for a second. Drops what comes later. */
    async end(): Promise<void> {
      flush()
      isOpen = false
      const ended = new Promise(resolve => stream.once('close', resolve))
      stream.end()
      const deadline = setTimeout(() => stream.destroy(), END_TIMEOUT)
      await ended
      clearTimeout(deadline)
    },
    /** Writes the last lines of a process that crashes, as far as its reader lets it. */
    crash(): void {
      try {
        // The stream would try for ever where nobody reads.
        if (isOpen) writeSync(fd, batch)
      } catch {}
    },
  }
}

/**
 * Opens standard output anew if it is a pipe, so that writing to a full pipe fails instead of waiting: it would
 * wait in a thread, and the process could not end while it does.
 */
function openStdout(): number {
  try {
    // A file that is opened anew is written from its start, over what others have written to it.
    if (!fstatSync(1).isFIFO()) return 1
    return openSync('/dev/stdout', constants.O_WRONLY | constants.O_APPEND | constants.O_NONBLOCK)
  } catch {
    return 1
  }
}
