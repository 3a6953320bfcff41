import { beforeEach, describe, expect, test } from 'vitest'
import type { Setup } from '../../client/core/link.ts'
import { createStored, type Stored } from '../../client/core/stored.ts'
import { createStoredTabs, parseTabs, type StoredTabs, type Tabs } from '../../client/core/stored-tabs.ts'

const setup = (url: string): Setup => ({ url, protocols: '', format: 'text', message: 'draft', closeCode: '4000' })

let own: Stored<Tabs>
let last: Stored<Tabs>
let stored: StoredTabs

beforeEach(() => {
  own = createStored(undefined, 'own', parseTabs)
  last = createStored(undefined, 'last', parseTabs)
  stored = createStoredTabs(own, last)
})

test('the tabs of this window come back', () => {
  expect(stored.get()).toEqual({ tabs: [], selected: 0 })
  const tabs = { tabs: [setup('ws://a/'), setup('b')], selected: 1 }
  expect(stored.set(tabs)).toEqual({ kept: 'blocked', leftOut: 0 })
  last.set({ tabs: [setup('ws://other-window/')], selected: 0 })
  expect(stored.get()).toEqual(tabs)
})

test('a new window gets the tabs of the last one', () => {
  stored.set({ tabs: [setup('ws://a/')], selected: 0 })
  expect(createStoredTabs(createStored(undefined, 'new', parseTabs), last).get().tabs).toEqual([setup('ws://a/')])
})

test('passwords and very long messages are left out, and the messages are counted', () => {
  const long = { ...setup('ws://user:secret@a/'), message: 'a'.repeat(300_000) }
  expect(stored.set({ tabs: [long, setup('b')], selected: 0 })).toMatchObject({ leftOut: 1 })
  expect(stored.get().tabs).toEqual([{ ...setup('ws://a/'), message: '' }, setup('b')])
})

describe('stored tabs that are invalid', () => {
  test.each([
    [undefined, { tabs: [], selected: 0 }],
    [[], { tabs: [], selected: 0 }],
    [
      { tabs: [null, {}, { ...setup('a'), format: 'xml' }, { ...setup('a'), closeCode: 1 }, setup('b')], selected: 9 },
      { tabs: [setup('b')], selected: 0 },
    ],
    [
      { tabs: [setup('a')], selected: -1 },
      { tabs: [setup('a')], selected: 0 },
    ],
    [
      { tabs: [setup('a'), setup('b')], selected: 0.5 },
      { tabs: [setup('a'), setup('b')], selected: 0 },
    ],
  ])('are skipped (case %#)', (json, tabs) => {
    expect(parseTabs(json)).toEqual(tabs)
  })
})
