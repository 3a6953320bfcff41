import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { withoutCredentials } from '../../client/core/address.ts'
import { describeLink, type Format, mayConnect, readLink, type Setup, writeLink } from '../../client/core/link.ts'

const defaults: Setup = { url: 'ws://localhost/ws', protocols: '', format: 'text', message: '' }
const anyText = fc.string({ unit: 'binary', maxLength: 50 })
const anySetup: fc.Arbitrary<Setup> = fc.record({
  url: fc.oneof(anyText.map(withoutCredentials), fc.constant(defaults.url)),
  protocols: anyText,
  format: fc.constantFrom<Format>('text', 'json', 'hex', 'base64'),
  message: anyText,
  closeCode: anyText,
  closeReason: anyText,
  reconnect: fc.constantFrom('', 'on'),
})

test('a link restores the settings that it was written for', () => {
  fc.assert(
    fc.property(anySetup, anySetup, (setup, base) => {
      const link = writeLink(setup, base)
      expect({ ...base, ...readLink(link) }).toEqual(setup)
      // The browser may change the encoding of the fragment.
      expect({ ...base, ...readLink(new URL(link, 'http://localhost/').hash) }).toEqual(setup)
    }),
  )
})

test('only settings that differ from the defaults are written', () => {
  expect(writeLink(defaults, defaults)).toBe('')
  expect(writeLink({ ...defaults, message: 'a&b=#%+ é' }, defaults)).toBe('#message=a%26b%3D%23%25%2B+%C3%A9')
  expect(writeLink({ url: 'ws://a', protocols: 'b', format: 'hex', message: '00' }, defaults)).toBe(
    '#url=ws%3A%2F%2Fa&protocol=b&format=hex&message=00',
  )
})

test('a message longer than 4,000 characters is left out', () => {
  const write = (length: number) => writeLink({ ...defaults, message: 'a'.repeat(length) }, defaults)
  expect(write(4000)).toBe(`#message=${'a'.repeat(4000)}`)
  expect(write(4001)).toBe('')
})

test.each([
  ['', {}],
  ['#', {}],
  ['#message', { message: '' }],
  ['#message=a+b%20c', { message: 'a b c' }],
  ['#message=100%&message=b', { message: '100%' }],
  ['#format=xml&__proto__=a&send=1', {}],
  ['#message=<img src=x>', { message: '<img src=x>' }],
  ['#protocol=a,b&format=base64', { protocols: 'a,b', format: 'base64' }],
])('%j is read as %j', (hash, setup) => {
  expect(readLink(hash)).toEqual(setup)
})

test.each([
  ['#url=ws://h/ws?a=1&b=2', { url: 'ws://h/ws?a=1&b=2' }],
  ['#url=ws://h/ws?a=1&b&c=%26&message=hi&d=4', { url: 'ws://h/ws?a=1&b&c=&', message: 'hi' }],
  ['#message=hi&url=ws://h/?a&b=2&format=hex', { url: 'ws://h/?a&b=2', message: 'hi', format: 'hex' }],
  ['#url=ws://h/ws&b=2', { url: 'ws://h/ws' }],
  ['#url=ws%3A%2F%2Fh%2F%3Fa&b=2', { url: 'ws://h/?a' }],
  ['#message=what?&b=2', { message: 'what?' }],
])('%s keeps the whole query of the address', (hash, setup) => {
  expect(readLink(hash)).toEqual(setup)
})

test('a link reveals no user name or password', () => {
  const link = writeLink({ ...defaults, url: 'ws://user:secret@h/ws' }, defaults)
  expect(readLink(link)).toEqual({ url: 'ws://h/ws' })
})

test('the close code, the reason and reconnecting are written if they differ from the defaults', () => {
  const closing = { closeCode: '4000', closeReason: 'a b', reconnect: 'on' }
  expect(writeLink({ ...defaults, ...closing }, { ...defaults, closeCode: '1000' })).toBe(
    '#close-code=4000&close-reason=a+b&reconnect=on',
  )
  expect(writeLink({ ...defaults, ...closing }, { ...defaults, ...closing })).toBe('')
})

describe('a link connects without a click', () => {
  test.each([
    ['ws://localhost/ws', 'http://localhost/'],
    ['WS://LocalHost:80/raw?a', 'http://localhost/#b'],
    ['http://localhost/ws', 'http://localhost/'],
    ['wss://example.com/ws', 'https://example.com/foo/'],
    ['ws://localhost:8080/ws', 'http://localhost:8080/'],
    ['ws://[::1]:8080/', 'http://[::1]:8080/'],
  ])('to %s from %s', (address, page) => {
    expect(mayConnect(address, page)).toBe(true)
  })

  test.each([
    ['ws://localhost:7777/', 'http://localhost/'],
    ['ws://localhost/', 'http://localhost:8080/'],
    ['ws://localhost.example.com/', 'http://localhost/'],
    ['ws://localhost@example.com/', 'http://localhost/'],
    ['ws://example.com\\@localhost/', 'http://localhost/'],
    ['ws://127.0.0.1/', 'http://localhost/'],
    ['ftp://localhost/', 'http://localhost/'],
    ['//localhost/ws', 'http://localhost/'],
    ['/ws', 'http://localhost/'],
    ['', 'http://localhost/'],
    ['file:///ws', 'file:///index.html'],
    ['ws://localhost/', 'about:blank'],
    ['ws://localhost/', 'not an address'],
  ])('not to %s from %s', (address, page) => {
    expect(mayConnect(address, page)).toBe(false)
  })
})

test('that a link contains a message is said, and what it leaves out', () => {
  expect(describeLink(defaults)).toBe('')
  expect(describeLink({ ...defaults, message: 'a' })).toBe('It contains the message in the field.')
  expect(describeLink({ ...defaults, url: 'ws://user:secret@h/ws', message: 'a'.repeat(4001) })).toBe(
    'It leaves out the user name and password and the message, which is too long.',
  )
})
