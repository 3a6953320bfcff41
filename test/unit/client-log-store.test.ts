import fc from 'fast-check'
import { describe, expect, test, vi } from 'vitest'
import type { ConnectionEvent } from '../../client/core/connection.ts'
import { describeExport } from '../../client/core/export-note.ts'
import { createLogStore, describeShown, type LogEntry, type LogStore } from '../../client/core/log-store.ts'
import type { Message } from '../../client/core/message.ts'
import { toNdjson } from '../../client/core/ndjson.ts'
import { readSearch } from '../../client/core/search-pattern.ts'

const received = (message: Message): ConnectionEvent => ({ type: 'received', message })
const bytes = (...values: number[]) => Uint8Array.from(values)
const payloads = (entries: readonly LogEntry[]) =>
  entries.map(({ event }) => ('message' in event ? event.message : event.type))

test('keeps events in order, with their times', () => {
  const store = createLogStore()
  store.add({ type: 'connected', protocol: '', extensions: '' }, 1000)
  store.add(received('a'), 2000)
  expect(store.entries).toEqual([
    { id: 0, at: 1000, event: { type: 'connected', protocol: '', extensions: '' } },
    { id: 1, at: 2000, event: { type: 'received', message: 'a' } },
  ])
  expect(store.shown).toEqual(store.entries)
})

describe('removes the oldest entries', () => {
  test('when there are too many, and counts the removed ones', () => {
    const store = createLogStore({ limit: 10 })
    for (let i = 0; i < 100; i++) {
      store.add(received(String(i)))
      expect(store.entries.length).toBeLessThanOrEqual(10)
      expect(store.entries.length + store.removed).toBe(i + 1)
    }
    expect(store.entries.length).toBeGreaterThanOrEqual(9)
    expect(payloads(store.entries).at(-1)).toBe('99')
  })

  test('when their messages take too much memory', () => {
    const store = createLogStore({ byteLimit: 1000 })
    for (let i = 0; i < 50; i++) store.add(received(i % 2 ? 'a'.repeat(50) : new Uint8Array(100)))
    expect(store.removed).toBeGreaterThanOrEqual(40)
    expect(store.entries.length).toBeGreaterThanOrEqual(9)
    store.add({ type: 'note', text: 'no message' })
    expect(payloads(store.entries).at(-1)).toBe('note')
  })

  test('but never the newest, whatever its size', () => {
    const store = createLogStore({ byteLimit: 1000 })
    store.add(received('a'))
    store.add(received(new Uint8Array(5000)))
    expect(store.entries.map(({ id }) => id)).toEqual([1])
    store.add(received('b'))
    expect(payloads(store.entries)).toEqual(['b'])
    expect(store.removed).toBe(2)
  })

  test('and resets the count when cleared', () => {
    const store = createLogStore({ limit: 10, byteLimit: 100 })
    for (let i = 0; i < 20; i++) store.add(received('aaaaa'))
    store.clear()
    expect(store).toMatchObject({ entries: [], shown: [], removed: 0 })
    for (let i = 0; i < 10; i++) store.add(received('aaaaa'))
    expect(store.removed).toBe(0)
  })
})

describe('the filter', () => {
  function fill(store: LogStore) {
    store.add({ type: 'connected', protocol: '', extensions: '' })
    store.add({ type: 'sent', message: 'Hello (1)' })
    store.add(received('[RE]: Hello (1)'))
    store.add({ type: 'sent', message: bytes(0xde, 0xad, 0xbe, 0xef) })
    store.add(received(new TextEncoder().encode('café')))
    store.add({ type: 'disconnected', code: 1000, reason: 'farewell' })
  }

  const cases = [
    ['all', '', [0, 1, 2, 3, 4, 5]],
    ['messages', '', [1, 2, 3, 4]],
    ['sent', '', [1, 3]],
    ['received', '', [2, 4]],
    ['events', '', [0, 5]],
    ['all', 'hELLO (1)', [1, 2]],
    ['received', 'hello', [2]],
    ['all', '[re]', [2]],
    ['all', '.', []],
    ['all', 'DEAD', [3]],
    ['all', 'ad beef', [3]],
    ['all', 'dea', [3]],
    ['all', 'eadb', []],
    ['all', 'fé', [4]],
    ['all', 'farewell', [5]],
    ['all', 'connected', [0, 5]],
    ['messages', 'connected', []],
  ] as const

  test.each(cases)('%s, %j shows %j', (kind, text, ids) => {
    const store = createLogStore()
    fill(store)
    store.filter(kind, text)
    expect(store.shown.map(({ id }) => id)).toEqual(ids)
    expect(store.entries).toHaveLength(6)
  })

  test.each(cases)('%s, %j also applies to later entries: %j', (kind, text, ids) => {
    const store = createLogStore()
    store.filter(kind, text)
    fill(store)
    expect(store.shown.map(({ id }) => id)).toEqual(ids)
  })

  test('matches any characters literally', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', minLength: 1 }), text => {
        const store = createLogStore()
        store.add(received(`>${text}<`))
        store.add(received(''))
        store.filter('all', text)
        expect(store.shown.map(({ id }) => id)).toEqual([0])
      }),
    )
  })

  test('shows no removed entries, and all others when it is reset', () => {
    const store = createLogStore({ limit: 10 })
    store.filter('sent', '')
    for (let i = 0; i < 100; i++) store.add({ type: i % 3 ? 'received' : 'sent', message: String(i) })
    expect(store.shown).toEqual(store.entries.filter(({ event }) => event.type === 'sent'))
    expect(store.shown.length).toBeGreaterThan(0)
    store.filter('all', '')
    expect(store.shown).toEqual(store.entries)
    store.add(received('last'))
    expect(payloads(store.shown).at(-1)).toBe('last')
  })

  test('survives clearing', () => {
    const store = createLogStore()
    store.filter('sent', '')
    store.clear()
    fill(store)
    expect(store.shown.map(({ id }) => id)).toEqual([1, 3])
  })
})

describe('a search', () => {
  const search = (typed: string) => {
    const pattern = readSearch(typed)
    if (pattern && 'problem' in pattern) throw new Error(pattern.problem)
    return pattern
  }

  test.each([
    ['/^h.l+o$/', [0]],
    ['/HELLO/i', [0, 1]],
    ['/^00 ff$/', [2]],
    ['-hello', [2, 3]],
    ['-/^hello/', [1, 2, 3]],
    ['-', []],
    ['/', [3]],
    ['//', []],
    ['/hello', []],
    ['/l/gy', [0, 1]],
  ])('%s shows %j', (typed, ids) => {
    const store = createLogStore()
    store.add(received('hello'))
    store.add(received('[RE]: hello'))
    store.add(received(bytes(0, 255)))
    store.add({ type: 'note', text: 'a/b' })
    store.filter('all', search(typed))
    expect(store.shown.map(({ id }) => id)).toEqual(ids)
    expect(describeShown(store)).toBe(`${ids.length} of 4`)
  })

  test('gives the pattern of its hits, except if they are hidden', () => {
    const store = createLogStore()
    expect(store).toMatchObject({ isFiltered: false, pattern: undefined })
    store.filter('all', 'l.')
    expect(store.isFiltered).toBe(true)
    expect('l.L.x'.match(store.pattern ?? /$/)).toEqual(['l.', 'L.'])
    store.filter('all', search('/l+/'))
    expect('hello wall L'.match(store.pattern ?? /$/)).toEqual(['ll', 'll'])
    store.filter('sent', search('-l'))
    expect(store).toMatchObject({ isFiltered: true, pattern: undefined })
  })

  /** Creates a log whose clock advances by `cost` ms at each look. */
  function createSlow(cost: number) {
    const tasks: (() => void)[] = []
    let time = 0
    const store = createLogStore({ now: () => (time += cost), schedule: task => tasks.push(task) })
    return { store, runNext: () => tasks.shift()?.(), tasks }
  }

  test('in a long log goes on in slices, and later entries wait for it', () => {
    const { store, runNext, tasks } = createSlow(1)
    for (let i = 0; i < 100; i++) store.add(received(String(i)))
    const listener = vi.fn()
    store.onChange(listener)
    store.filter('all', search('/[05]$/'))
    expect(store).toMatchObject({ isSearching: true, problem: '' })
    expect(store.shown.length).toBeLessThan(5)
    store.add(received('100'))
    expect(store.isSearching).toBe(true)
    while (tasks.length > 0) {
      expect(tasks).toHaveLength(1)
      runNext()
    }
    expect(store.isSearching).toBe(false)
    expect(payloads(store.shown)).toEqual(Array.from({ length: 21 }, (_, i) => String(i * 5)))
    expect(listener.mock.calls.length).toBeGreaterThan(5)
  })

  test('that is replaced leaves no entries behind', () => {
    const { store, runNext, tasks } = createSlow(1)
    for (let i = 0; i < 100; i++) store.add(received(String(i)))
    store.filter('all', search('/5/'))
    store.filter('all', search('/^7.$/'))
    while (tasks.length > 0) runNext()
    expect(payloads(store.shown)).toEqual(Array.from({ length: 10 }, (_, i) => `7${i}`))
  })

  test('goes on correctly when the oldest entries are removed or the log is cleared', () => {
    const tasks: (() => void)[] = []
    let time = 0
    const store = createLogStore({ limit: 100, now: () => (time += 1), schedule: task => tasks.push(task) })
    for (let i = 0; i < 100; i++) store.add(received(String(i)))
    store.filter('all', search('/0$/'))
    store.add(received('100'))
    while (tasks.length > 0) tasks.shift()?.()
    expect(store.shown).toEqual(
      store.entries.filter(({ event }) => 'message' in event && /0$/.test(`${event.message}`)),
    )
    store.clear()
    expect(store).toMatchObject({ shown: [], isSearching: false })
  })

  test('that takes too long is stopped with a problem, and shows all lines again', () => {
    for (const cost of [300, 60]) {
      const { store, runNext, tasks } = createSlow(cost)
      for (let i = 0; i < 200; i++) store.add(received(String(i)))
      store.filter('received', search('/5/'))
      while (tasks.length > 0) runNext()
      expect(store.problem).toMatch(/took too long/)
      expect(store.shown).toHaveLength(200)
      store.filter('all', '')
      expect(store.problem).toBe('')
    }
  })

  test('that throws is stopped too', () => {
    const pattern = /a/
    pattern.test = () => {
      throw new RangeError('too much recursion')
    }
    const store = createLogStore()
    store.add(received('a'))
    store.filter('all', { pattern, isExcluded: false })
    expect(store.problem).toMatch(/took too long/)
    store.add(received('b'))
    expect(store.shown).toHaveLength(2)
  })

  test('for a text is never stopped', () => {
    const { store, runNext, tasks } = createSlow(300)
    for (let i = 0; i < 40; i++) store.add(received(String(i)))
    store.filter('all', search('5'))
    while (tasks.length > 0) runNext()
    expect(payloads(store.shown)).toEqual(['5', '15', '25', '35'])
  })

  test('with a new entry at a time is never stopped, however many there are', () => {
    const { store } = createSlow(60)
    store.filter('all', search('/5/'))
    for (let i = 0; i < 500; i++) store.add(received(String(i)))
    expect(store.problem).toBe('')
    expect(store.shown.length).toBeGreaterThan(50)
  })

  test.each([
    ['/(/', /^This regular expression is not valid: Unterminated group\.$/],
    ['/a/k', /^This regular expression is not valid: .+k.*\.$/],
    ['-/[/', /^This regular expression is not valid: .+\.$/],
    ['/(a+)+b/', /repetition/],
    ['/(?:x|[+]y*)*$/', /repetition/],
    ['/((a{2,})b)*/', /repetition/],
  ])('%s is refused', (typed, problem) => {
    expect(readSearch(typed)).toEqual({ problem: expect.stringMatching(problem) })
  })

  test.each(['/a+b*/', '/(a|b)+/', '/(a+)?/', '/(a+)(b+)/', '/([+*]\\+)+/', '/(a{3})*/', '/((a+)b)?c+/'])(
    '%s is accepted',
    typed => {
      expect(readSearch(typed)).toHaveProperty('pattern')
    },
  )
})

test('an entry can be removed, also while a search goes on', () => {
  const tasks: (() => void)[] = []
  let time = 0
  const store = createLogStore({ now: () => (time += 1), schedule: task => tasks.push(task) })
  const ids = Array.from({ length: 100 }, (_, i) => store.add(received(`a${i}`)))
  store.filter('all', 'a')
  for (const at of [0, 5, 99, 50]) store.remove(ids[at] ?? -1)
  store.remove(1000)
  while (tasks.length > 0) tasks.shift()?.()
  expect(store.entries).toHaveLength(96)
  expect(store.shown).toEqual(store.entries)
  store.filter('all', '')
  store.remove(ids[1] ?? -1)
  expect(store.shown).toEqual(store.entries)
  expect(store.removed).toBe(0)
})

describe('a cleared log', () => {
  test('can be put back before the entries that were added since', () => {
    const store = createLogStore()
    store.filter('all', 'a')
    store.add(received('a1'))
    store.add(received('b1'))
    const undo = store.clear()
    store.add(received('a2'))
    undo()
    expect(payloads(store.entries)).toEqual(['a1', 'b1', 'a2'])
    expect(payloads(store.shown)).toEqual(['a1', 'a2'])
  })

  test('keeps its limits and its count when it is put back', () => {
    const store = createLogStore({ limit: 10 })
    for (let i = 0; i < 15; i++) store.add(received(String(i)))
    const undo = store.clear()
    for (let i = 0; i < 5; i++) store.add(received(`new ${i}`))
    undo()
    expect(store.entries.length).toBeLessThanOrEqual(10)
    expect(store.entries.length + store.removed).toBe(20)
    expect(payloads(store.entries).at(-1)).toBe('new 4')
  })
})

test('finds the index of an entry, or of the next one shown', () => {
  const store = createLogStore()
  store.filter('sent', '')
  for (let i = 0; i < 9; i++) store.add({ type: i % 3 ? 'received' : 'sent', message: String(i) })
  expect([0, 1, 3, 4, 6, 7, 99].map(store.indexOf)).toEqual([0, 1, 1, 2, 2, 3, 3])
})

test('reports every change until the listener is removed', () => {
  const store = createLogStore()
  const listener = vi.fn()
  const stop = store.onChange(listener)
  store.add(received('a'))
  store.filter('sent', '')
  store.clear()
  expect(listener).toHaveBeenCalledTimes(3)
  stop()
  store.add(received('b'))
  expect(listener).toHaveBeenCalledTimes(3)
})

describe('exported as NDJSON', () => {
  test('each entry is a line, even if the filter hides it', async () => {
    const store = createLogStore()
    const at = Date.UTC(2026, 0, 2, 3, 4, 5, 6)
    store.filter('events', 'nothing')
    store.add({ type: 'connected', protocol: 'chat', extensions: '' }, at)
    store.add({ type: 'sent', message: 'né\n"' }, at)
    store.add({ type: 'received', message: bytes(0, 255), roundTrip: 1.25 }, at)
    store.add({ type: 'disconnected', code: 1001, reason: 'bye' }, at)
    const text = await (await toNdjson(store.entries)).text()
    expect(text.endsWith('}\n')).toBe(true)
    const time = '2026-01-02T03:04:05.006Z'
    expect(
      text
        .trim()
        .split('\n')
        .map(line => JSON.parse(line)),
    ).toEqual([
      { time, type: 'connected', protocol: 'chat', extensions: '' },
      { time, type: 'text', direction: 'sent', text: 'né\n"', bytes: 5 },
      { time, type: 'binary', direction: 'received', base64: 'AP8=', bytes: 2, roundTrip: 1.25 },
      { time, type: 'disconnected', code: 1001, reason: 'bye' },
    ])
  })

  test('an empty log is an empty file', async () => {
    expect((await toNdjson(createLogStore().entries)).size).toBe(0)
  })

  test('only the lines that the filter shows may be written', async () => {
    const store = createLogStore()
    store.add(received('a'))
    store.add(received('b'))
    store.filter('all', 'b')
    expect(JSON.parse(await (await toNdjson(store.shown)).text())).toMatchObject({ text: 'b' })
  })
})

test('an export says how many lines it has and leaves out', () => {
  const store = createLogStore({ limit: 1000 })
  for (let i = 0; i < 1001; i++) store.add(received(String(i)))
  store.filter('all', '1000')
  expect(describeExport(store, false)).toBe(
    'The file has 900 lines. It leaves out 101 older lines that the log has already removed.',
  )
  expect(describeExport(store, true, 1)).toBe(
    'The file has 0 lines. It leaves out 899 lines that the filter hides, 1 line that this format cannot hold, and 101 older lines that the log has already removed.',
  )
  store.clear()
  store.add(received('a'))
  expect(describeExport(store, false)).toBe('The file has 1 line.')
})
