import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { defaultAddress, hostOf, readAddress, withoutCredentials } from '../../client/core/address.ts'

test.each([
  ['http://localhost/', 'ws://localhost/ws'],
  ['http://localhost:8080/index.html?a#b', 'ws://localhost:8080/ws'],
  ['https://example.com/', 'wss://example.com/ws'],
  ['https://example.com/foo/', 'wss://example.com/foo/ws'],
  ['http://example.com/foo/bar/index.html', 'ws://example.com/foo/bar/ws'],
])('the server of the page %s is %s', (page, server) => {
  expect(defaultAddress(page)).toBe(server)
})

describe('an address as it is typed', () => {
  test.each([
    ['localhost:7777', 'ws://localhost:7777/'],
    ['  localhost ', 'ws://localhost/'],
    ['LOCALHOST/Raw?a=B', 'ws://localhost/Raw?a=B'],
    ['//example.com/ws', 'ws://example.com/ws'],
    ['[::1]:8080/ws', 'ws://[::1]:8080/ws'],
    ['[::1]', 'ws://[::1]/'],
    ['example.com?delay=1s', 'ws://example.com/?delay=1s'],
    ['ws://h:65535/', 'ws://h:65535/'],
    ['ws://h:/', 'ws://h/'],
    ['WSS://h/ a', 'wss://h/%20a'],
    ['http://h/ws', 'ws://h/ws'],
    ['https://h/ws', 'wss://h/ws'],
    ['user:secret@h:80/', 'ws://user:secret@h/'],
    ['ws://a:b@h/', 'ws://a:b@h/'],
    ['ws:8080', 'ws://ws:8080/'],
    ['h/a:b//c', 'ws://h/a:b//c'],
  ])('%j becomes %s', (typed, url) => {
    expect(readAddress(typed, 'http:')).toEqual({ url })
  })

  test.each([
    ['localhost:7777', 'wss://localhost:7777/'],
    ['//h/', 'wss://h/'],
    ['ws://h/', 'ws://h/'],
  ])('%j becomes %s on a page that uses https', (typed, url) => {
    expect(readAddress(typed, 'https:')).toEqual({ url })
  })

  test.each([
    ['', 'localhost:7777'],
    ['ws://h:99999/', 'The port 99999 is too high: the highest is 65535.'],
    ['h:65536', 'The port 65536 is too high'],
    ['[::1]:70000', 'The port 70000 is too high'],
    ['user:99999@h:70000', 'The port 70000 is too high'],
    ['h:seven/ws', 'The port "seven" is not a number.'],
    ['ws://', 'no host'],
    ['ws:///path', 'no host'],
    ['/ws', 'no host'],
    ['?a', 'no host'],
    [':7777', 'no host'],
    ['ws:/h', 'Write "ws://" before the host.'],
    ['http//h', 'Write "http://" before the host.'],
    ['ftp://h/', '"ftp://" is not for WebSockets. Use ws:// or wss://.'],
    ['ws://h/#a', '#fragment'],
    ['ws://h/#', '#fragment'],
    ['two words', '"two words" is not a valid host.'],
    ['two%20words/a', '"two%20words" is not a valid host.'],
    ['h^', '"h^" is not a valid host.'],
  ])('%j is refused with a sentence that names the fault', (typed, words) => {
    expect(readAddress(typed, 'http:')).toEqual({ problem: expect.stringContaining(words) })
  })

  test('that is accepted is one that browsers accept', () => {
    fc.assert(
      fc.property(fc.oneof(fc.webUrl(), fc.string()), typed => {
        const read = readAddress(typed, 'http:')
        if ('problem' in read) return
        expect(read.url).toMatch(/^wss?:\/\/[^/]/)
        expect(readAddress(read.url, 'https:')).toEqual(read)
      }),
    )
  })
})

test.each([
  ['ws://user:secret@h/ws?a', 'ws://h/ws?a'],
  ['user:secret@h', 'h'],
  ['//user@h', '//h'],
  ['ws://a@b@h/', 'ws://h/'],
  ['ws://user:sec', 'ws://user:sec'],
  ['ws://h/a@b?c@d', 'ws://h/a@b?c@d'],
  ['h?mail=a@b', 'h?mail=a@b'],
  ['', ''],
])('without credentials, %j is %j', (address, clean) => {
  expect(withoutCredentials(address)).toBe(clean)
})

test.each([
  ['wss://user:secret@Example.com:8443/ws?a', 'example.com:8443'],
  ['localhost:7777', 'localhost:7777'],
  ['ws://localhost:80/', 'localhost'],
  ['not a host', ''],
  ['', ''],
])('the host of %j is %j', (address, host) => {
  expect(hostOf(address)).toBe(host)
})
