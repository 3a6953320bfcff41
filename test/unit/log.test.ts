import { expect, test } from 'vitest'
import { createLogger, printable, printablePayload } from '../../server/log.ts'

test('a printable text has its controls, line separators and bidirectional marks escaped', () => {
  expect(printable('a\u001b[31mb\r\n\0\u0085\u009b')).toBe('a\\x1b[31mb\\x0d\\x0a\\x00\\x85\\x9b')
  expect(printable('x\u2028y\u202ez')).toBe('x\\u2028y\\u202ez')
  expect(printable('naïve 漢字 👩‍🚀')).toBe('naïve 漢字 👩‍🚀')
})

test('a printable text is cut after 200 characters and says how many there were', () => {
  expect(printable('a'.repeat(200))).toBe('a'.repeat(200))
  expect(printable('a'.repeat(201))).toBe(`${'a'.repeat(200)}… (201 characters)`)
})

test('a binary payload is shown as its length and hex, cut after 200 digits', () => {
  expect(printablePayload(Buffer.from([0, 255]), true)).toBe('2 bytes 00ff')
  expect(printablePayload(Buffer.alloc(101), true)).toBe(`101 bytes ${'00'.repeat(100)}…`)
})

test('the text log has a line for each event, with its details behind it', () => {
  const lines: string[] = []
  const logger = createLogger('info', 'text', { write: line => lines.push(line) })
  logger.info({ connection: 7, reason: 'said "bye"', absent: undefined }, 'Disconnected')
  logger.debug('not at this level')
  expect(lines).toHaveLength(1)
  expect(lines[0]).toMatch(/^\d\d:\d\d:\d\d\.\d\d\d INFO {2}Disconnected connection=7 reason="said \\"bye\\""\n$/)
})
