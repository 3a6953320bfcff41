import { expect, test } from 'vitest'
import type { ConnectionEvent } from '../../client/core/connection.ts'
import { describeEvent } from '../../client/core/line.ts'

function words(event: ConnectionEvent): string {
  const { text, message = '' } = describeEvent(event)
  return text + message
}

test.each<[ConnectionEvent, string]>([
  [{ type: 'connected' }, 'Connected to the websocket server…'],
  [{ type: 'sent', message: 'hello' }, 'Sending to the server => hello'],
  [{ type: 'received', message: '[RE]: hello' }, 'Received from the server => [RE]: hello'],
  [{ type: 'error', problem: 'no way' }, 'Error: no way'],
  [{ type: 'disconnected', code: 1000, reason: '' }, 'Server disconnected… (code 1000)'],
  [{ type: 'disconnected', code: 1001, reason: 'going away' }, 'Server disconnected… (code 1001, reason: going away)'],
  [{ type: 'disconnected', code: 1005, reason: '' }, 'Server disconnected… (code 1005: no code given)'],
  [{ type: 'disconnected', code: 1006, reason: '' }, 'Server disconnected… (code 1006: no close frame)'],
])('%j reads %j', (event, line) => {
  expect(words(event)).toBe(line)
})

test('a binary message is told by its length and hex', () => {
  const message = new Uint8Array([0, 15, 255]).buffer
  expect(words({ type: 'received', message })).toBe('Received from the server => 3 bytes 00 0f ff')
})

test('one byte is not bytes, and none have no hex', () => {
  expect(words({ type: 'received', message: new ArrayBuffer(1) })).toBe('Received from the server => 1 byte 00')
  expect(words({ type: 'received', message: new ArrayBuffer(0) })).toBe('Received from the server => 0 bytes')
})

test('long messages are cut, and say how long they are', () => {
  expect(words({ type: 'received', message: new ArrayBuffer(70_000) })).toMatch(/=> 70000 bytes (00 ){32}…$/)
  expect(words({ type: 'received', message: 'a'.repeat(70_000) })).toMatch(/=> a{10000}… \(70000 characters\)$/)
})
