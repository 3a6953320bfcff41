import { describe, expect, test } from 'vitest'
import type { ConnectionEvent } from '../../client/core/connection.ts'
import { describeEvent, fold, speak, unfold } from '../../client/core/line.ts'

test.each<[ConnectionEvent, string, string]>([
  [{ type: 'connected', protocol: '', extensions: '' }, 'system', 'Connected to the websocket server…'],
  [{ type: 'error', problem: 'no way' }, 'error', 'Error: no way'],
  [{ type: 'refused', url: 'ws://a/' }, 'error', 'Error: could not connect to ws://a/'],
  [{ type: 'cancelled', url: 'ws://a/' }, 'system', 'Connecting to ws://a/ was cancelled'],
  [
    { type: 'replaced', url: 'ws://b/' },
    'system',
    'Server disconnected… because a connection to ws://b/ takes its place',
  ],
  [{ type: 'left' }, 'system', 'Server disconnected… because you left the page'],
  [
    { type: 'refused', url: 'ws://a/', attempts: 1200 },
    'error',
    'Error: could not connect to ws://a/ (1,200 attempts)',
  ],
  [{ type: 'note', text: 'Reconnecting in 4 s' }, 'system', 'Reconnecting in 4 s'],
])('%j is %s and reads %j', (event, kind, text) => {
  expect(describeEvent(event)).toEqual({ kind, text })
})

test('the message follows the text', () => {
  const binary = new Uint8Array([1])
  expect(describeEvent({ type: 'sent', message: 'hello' })).toEqual({
    kind: 'sent',
    text: 'Sending to the server => ',
    message: 'hello',
  })
  expect(describeEvent({ type: 'received', message: binary })).toEqual({
    kind: 'received',
    text: 'Received from the server => ',
    message: binary,
  })
})

test('a close has its code, an explanation and the reason', () => {
  const { text } = describeEvent({ type: 'disconnected', code: 1009, reason: 'too much' })
  expect(text).toMatch(/^Server disconnected… \(code 1009: .{10,}[^.]; reason: too much\)$/)
  expect(describeEvent({ type: 'disconnected', code: 1006, reason: '' }).text).toMatch(/\(code 1006: [^;]+\)$/)
})

test.each([
  [undefined, 1001, 'bye', /^Server disconnected… \(code 1001: Going Away – .+; reason: bye\)$/],
  [undefined, 4000, '', /^Server disconnected… \(code 4000: The code is defined by the application/],
  [1000, 1000, '', /^Server disconnected… because you closed the connection \(code 1000: Normal Closure – /],
  [4000, 4000, 'enough', /^Server disconnected… because you closed the connection \(code 4000: .+; reason: enough\)$/],
  [
    4000,
    1011,
    '',
    /^Server disconnected… because you closed the connection with code 4000, and the server answered with another code \(code 1011: /,
  ],
  [
    1000,
    1006,
    '',
    /^Server disconnected… because you closed the connection with code 1000, but the server sent no close frame \(code 1006: /,
  ],
])('a line says who closed: sent %s, got %d', (sentCode, code, reason, words) => {
  const sent = sentCode === undefined ? {} : { sentCode }
  expect(describeEvent({ type: 'disconnected', code, reason, ...sent }).text).toMatch(words)
})

describe('folded', () => {
  test.each([
    ['', '', ''],
    ['a\nb\nc', 'a\nb\nc', ''],
    ['a\nb\nc\n', 'a\nb\nc', '1 more character'],
    ['a\nb\nc\nd\ne', 'a\nb\nc', '4 more characters'],
    ['a'.repeat(240), 'a'.repeat(240), ''],
    ['a'.repeat(2240), 'a'.repeat(240), '2,000 more characters'],
    [`${'a'.repeat(239)}👋`, 'a'.repeat(239), '2 more characters'],
  ])('the text %j is %j, and %j', (message, text, more) => {
    expect(fold(message)).toEqual({ text, more })
  })

  test.each([
    [[], '0 bytes', ''],
    [[1], '1 byte 01', ''],
    [[0, 15, 255], '3 bytes 00 0f ff', ''],
    [Array(33).fill(1), `33 bytes${' 01'.repeat(32)}`, '1 more byte'],
  ])('the bytes %j are %j, and %j', (bytes, text, more) => {
    expect(fold(Uint8Array.from(bytes))).toEqual({ text, more })
  })
})

describe('unfolded', () => {
  test('text is whole up to a limit', () => {
    expect(unfold('a\nb\nc\nd')).toEqual({ text: 'a\nb\nc\nd', more: '' })
    expect(unfold('a'.repeat(70_000))).toEqual({ text: 'a'.repeat(65_536), more: '4,464 more characters' })
  })

  test('binary data is a hex dump up to a limit', () => {
    expect(unfold(new TextEncoder().encode('hello')).text).toMatch(/68 65 6c 6c 6f .*hello/)
    expect(unfold(new Uint8Array(8192)).more).toBe('')
    expect(unfold(new Uint8Array(9192)).more).toBe('1,000 more bytes')
  })
})

test.each<[ConnectionEvent, string]>([
  [{ type: 'sent', message: 'hello' }, 'Sending to the server => hello'],
  [{ type: 'sent', message: '' }, 'Sending to the server => empty'],
  [{ type: 'received', message: 'a'.repeat(500) }, `Received from the server => ${'a'.repeat(240)}…`],
  [{ type: 'error', problem: 'no way' }, 'Error: no way'],
])('%j is announced as %j', (event, words) => {
  expect(speak(event)).toBe(words)
})
