import { constants } from 'node:buffer'
import { spawnSync } from 'node:child_process'
import { platform } from 'node:os'
import { expect, onTestFinished, test, vi } from 'vitest'
import { createLogger, printable, printablePayload } from '../../server/log.ts'

const printableText = (text: string) => printablePayload(Buffer.from(text), false)

/** Returns the longest start of a text in whole characters that has at most 200 code units. */
function headOf(text: string): string {
  let head = ''
  for (const character of text) {
    if (head.length + character.length > 200) break
    head += character
  }
  return head
}

function createLogged(level: string, format: 'text' | 'json') {
  const lines: string[] = []
  return { logger: createLogger(level, format, { write: line => lines.push(line) }), lines }
}

const at = (time: string) => {
  vi.useFakeTimers({ now: new Date(time) })
  onTestFinished(() => void vi.useRealTimers())
}

/** Runs a script that writes a thousand lines and crashes. A shell command reads the lines. */
function crash(reader: string) {
  const script = `
    import { createOutput } from '${new URL('../../server/log.ts', import.meta.url)}'
    const output = createOutput()
    process.once('exit', output.crash)
    for (let i = 0; i < 1000; i++) output.write(i + '\\n')
    throw new Error('a crash')`
  const piped = `{ "$0" --input-type=module -e "$1"; echo $? >&2; } | ${reader}`
  return spawnSync('sh', ['-c', piped, process.execPath, script], {
    encoding: 'utf8',
    timeout: 5000,
    killSignal: 'SIGKILL',
  })
}

test('printable escapes controls, line separators and bidirectional marks', () => {
  expect(printable('a\u001b[31mb\r\n\0\u007f\u0085\u009b')).toBe('a\\x1b[31mb\\x0d\\x0a\\x00\\x7f\\x85\\x9b')
  expect(printable('x\u2028y\u2029z\u202e\u2066')).toBe('x\\u2028y\\u2029z\\u202e\\u2066')
  expect(printable('naïve 漢字 👩‍🚀')).toBe('naïve 漢字 👩‍🚀')
})

test('printable escapes nothing but controls, separators and format characters', () => {
  const wrong: string[] = []
  for (let code = 0; code <= 0x10ffff; code++) {
    const character = String.fromCodePoint(code)
    const isUnprintable = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u.test(character) && character !== '\u200d'
    const isEscaped = /^\\(x..|u....|u\{.*\})$/.test(printable(character))
    if (isEscaped !== isUnprintable || (!isEscaped && printable(character) !== character)) wrong.push(code.toString(16))
  }
  expect(wrong).toEqual([])
})

test('printable escapes characters without width', () => {
  expect(printable('a\u200bb\ufeffc\u00add\u2060')).toBe('a\\u200bb\\ufeffc\\xadd\\u2060')
  expect(printable('a\u{e0041}')).toBe('a\\u{e0041}')
})

test('printable cuts a text after 200 characters and says how many there were', () => {
  expect(printable('a'.repeat(200))).toBe('a'.repeat(200))
  expect(printable('a'.repeat(201))).toBe(`${'a'.repeat(200)}… (201 characters)`)
})

test('printable escapes a text after cutting it', () => {
  expect(printable('\n'.repeat(200))).toBe('\\x0a'.repeat(200))
  expect(printable('\n'.repeat(201))).toBe(`${'\\x0a'.repeat(200)}… (201 characters)`)
})

test('printable cuts before a surrogate pair that would be split', () => {
  expect(printable(`${'a'.repeat(198)}😀b`)).toBe(`${'a'.repeat(198)}😀… (201 characters)`)
  expect(printable(`${'a'.repeat(199)}😀`)).toBe(`${'a'.repeat(199)}… (201 characters)`)
})

test('a binary payload is shown as its length and hex, cut after 200 digits', () => {
  expect(printablePayload(Buffer.from([0, 255]), true)).toBe('2 bytes 00ff')
  expect(printablePayload(Buffer.alloc(100), true)).toBe(`100 bytes ${'00'.repeat(100)}`)
  expect(printablePayload(Buffer.alloc(101), true)).toBe(`101 bytes ${'00'.repeat(100)}…`)
})

test.for(['a', 'é', '漢', '😀'])('a text payload of 200 code units like %j is shown whole', character => {
  const text = character.repeat(200 / character.length)
  expect(printableText(text)).toBe(text)
})

test.for(['a', 'é', '漢', '😀'])('a text payload is cut at the beginning of a character like %j', character => {
  for (const filler of ['a', 'é', '漢', '😀']) {
    for (let count = 0; count <= 201; count++) {
      const text = filler.repeat(count) + character.repeat(300)
      expect(printableText(text)).toBe(`${headOf(text)}… (${Buffer.byteLength(text)} bytes)`)
    }
  }
})

test.for(['a', 'é', '漢', '😀'])('a text payload that ends near the cut with %j is cut only beyond it', character => {
  for (const filler of ['a', 'é', '漢']) {
    for (let count = 195; count <= 201; count++) {
      const text = filler.repeat(count) + character
      const head = headOf(text)
      expect(printableText(text)).toBe(head === text ? text : `${head}… (${Buffer.byteLength(text)} bytes)`)
    }
  }
})

test('a text payload is escaped like a printable text', () => {
  expect(printableText('')).toBe('')
  expect(printableText('\u001b[2J\u202e漢')).toBe('\\x1b[2J\\u202e漢')
  expect(printableText('\0'.repeat(201))).toBe(`${'\\x00'.repeat(200)}… (201 bytes)`)
})

test('a payload that is too large for a string is shown', () => {
  const payload = Buffer.alloc(600 * 2 ** 20)
  expect(payload.length).toBeGreaterThan(constants.MAX_STRING_LENGTH)
  expect(printablePayload(payload, false)).toBe(`${'\\x00'.repeat(200)}… (629145600 bytes)`)
  expect(printablePayload(payload, true)).toBe(`629145600 bytes ${'00'.repeat(100)}…`)
})

test('the text log has a line for each event, followed by its details', () => {
  const { logger, lines } = createLogged('info', 'text')
  logger.info({ connection: 7, reason: 'said "bye"', absent: undefined }, 'Disconnected')
  logger.debug('not at this level')
  expect(lines).toHaveLength(1)
  expect(lines[0]).toMatch(
    /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d\d\dZ INFO {2}Disconnected connection=7 reason="said \\"bye\\""\n$/,
  )
})

test('the text log has the time of each line in UTC, and its level', () => {
  at('2026-11-25T18:00:00.007Z')
  const { logger, lines } = createLogged('trace', 'text')
  logger.debug('one')
  logger.info('two')
  vi.setSystemTime(new Date('2026-11-26T00:59:59.999Z'))
  logger.warn('three')
  logger.error('four')
  expect(lines).toEqual([
    '2026-11-25T18:00:00.007Z DEBUG one\n',
    '2026-11-25T18:00:00.007Z INFO  two\n',
    '2026-11-26T00:59:59.999Z WARN  three\n',
    '2026-11-26T00:59:59.999Z ERROR four\n',
  ])
})

test('the text log has details as JSON', () => {
  at('2026-11-25T18:00:00.000Z')
  const { logger, lines } = createLogged('info', 'text')
  logger.info({ a: -1.5, b: Number.NaN, c: true, d: null, e: ['x', { y: 1 }], f: '\n', g: () => {} }, 'event')
  expect(lines).toEqual(['2026-11-25T18:00:00.000Z INFO  event a=-1.5 b=null c=true d=null e=["x",{"y":1}] f="\\n"\n'])
})

test('the JSON log has one object per line: level, time, details, message', () => {
  at('2026-11-25T18:00:00.000Z')
  const { logger, lines } = createLogged('info', 'json')
  logger.info({ connection: 7, reason: 'said "bye"', absent: undefined, faults: { delay: [1, 2] } }, 'Disconnected')
  logger.error('a "quoted"\nmessage')
  expect(lines).toEqual([
    '{"level":"info","time":"2026-11-25T18:00:00.000Z","connection":7,"reason":"said \\"bye\\"","faults":{"delay":[1,2]},"msg":"Disconnected"}\n',
    '{"level":"error","time":"2026-11-25T18:00:00.000Z","msg":"a \\"quoted\\"\\nmessage"}\n',
  ])
})

test.for([
  ['trace', ['debug', 'info', 'warn', 'error']],
  ['debug', ['debug', 'info', 'warn', 'error']],
  ['info', ['info', 'warn', 'error']],
  ['warn', ['warn', 'error']],
  ['error', ['error']],
  ['fatal', []],
  ['silent', []],
] as const)('at %s, the log has the levels %j', ([level, expected]) => {
  const { logger, lines } = createLogged(level, 'json')
  const levels = ['debug', 'info', 'warn', 'error'] as const
  for (const each of levels) {
    logger[each]('a message')
    logger[each]({ detail: 1 }, 'a message')
  }
  expect(lines.map(line => JSON.parse(line).level)).toEqual(expected.flatMap(each => [each, each]))
  expect(levels.filter(each => logger.isLevelEnabled(each))).toEqual(expected)
})

test.skipIf(platform() === 'win32')('a crash prints the lines before it', () => {
  const { stdout, stderr } = crash('cat')
  expect(stdout.split('\n')).toHaveLength(1001)
  expect(stderr).toMatch(/a crash.*\n1\n$/s)
})

test.skipIf(platform() === 'win32')('a crash does not wait for an output that nobody reads any more', () => {
  const { signal, stderr } = crash('true')
  expect(signal).toBeNull()
  expect(stderr).toMatch(/a crash.*\n1\n$/s)
})
