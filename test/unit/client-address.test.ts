import { expect, test } from 'vitest'
import { defaultAddress } from '../../client/core/address.ts'

test.each([
  ['http://localhost/', 'ws://localhost/ws'],
  ['http://localhost:8080/index.html?a#b', 'ws://localhost:8080/ws'],
  ['https://example.com/', 'wss://example.com/ws'],
  ['https://example.com/foo/', 'wss://example.com/foo/ws'],
  ['http://example.com/foo/bar/index.html', 'ws://example.com/foo/bar/ws'],
])('the server of the page %s is %s', (page, server) => {
  expect(defaultAddress(page)).toBe(server)
})
