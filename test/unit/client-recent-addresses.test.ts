import { beforeEach, expect, test } from 'vitest'
import {
  createRecentAddresses,
  parseRecentAddresses,
  type RecentAddresses,
} from '../../client/core/recent-addresses.ts'
import { createStored } from '../../client/core/stored.ts'

let recent: RecentAddresses

beforeEach(() => {
  recent = createRecentAddresses(createStored(undefined, 'recent', parseRecentAddresses))
})

test('the newest address is first, and each is listed once', () => {
  for (const address of ['ws://a/', 'ws://b/', 'ws://a/']) recent.add(address)
  expect(recent.list()).toEqual(['ws://a/', 'ws://b/'])
})

test('a user name and password are not kept', () => {
  recent.add('ws://user:secret@a/')
  expect(recent.list()).toEqual(['ws://a/'])
})

test('an address can be removed', () => {
  for (const address of ['ws://a/', 'ws://b/']) recent.add(address)
  recent.remove('ws://b/')
  recent.remove('ws://absent/')
  expect(recent.list()).toEqual(['ws://a/'])
})

test('the newest twenty are kept', () => {
  for (let i = 0; i < 30; i++) recent.add(`ws://h/${i}`)
  expect(recent.list()).toHaveLength(20)
  expect(recent.list()[0]).toBe('ws://h/29')
})

test('the caller learns that an address is lost on a reload', () => {
  expect(recent.add('ws://a/')).toBe('blocked')
})

test.each([
  [undefined, []],
  [{ 0: 'ws://a/' }, []],
  [['ws://a/', 1, null, '', 'ws://a/', 'ws://user:secret@b/', `ws://${'c'.repeat(3000)}/`], ['ws://a/']],
])('invalid stored entries are skipped (case %#)', (json, addresses) => {
  expect(parseRecentAddresses(json)).toEqual(addresses)
})
