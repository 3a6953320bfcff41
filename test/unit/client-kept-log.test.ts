import { beforeEach, describe, expect, test } from 'vitest'
import type { ConnectionEvent } from '../../client/core/connection.ts'
import { writeLogs } from '../../client/core/keep-log.ts'
import { createLogStore, type LogStore } from '../../client/core/log-store.ts'
import { parseLogs, restoreLog } from '../../client/core/restore-log.ts'

const ROOM = 2 * 1024 * 1024
const MIDDAY = Date.UTC(2026, 2, 3, 12)

let log: LogStore
beforeEach(() => {
  log = createLogStore()
})

const connected: ConnectionEvent = { type: 'connected', url: 'ws://a/', protocol: '', extensions: '' }
const sent = (message: string): ConnectionEvent => ({ type: 'sent', message })
const eventsOf = (store: LogStore) => store.entries.map(({ event }) => event)

/** Writes a log and restores it into a new one, as a reload does. */
function reload(store: LogStore, { room = ROOM, into = createLogStore(), now = MIDDAY } = {}): LogStore {
  const [kept] = parseLogs(writeLogs([store], 0, room))
  if (kept) restoreLog(into, kept, now)
  return into
}

test('every kind of line is restored as it was, followed by a line that says where they are from', () => {
  const events: ConnectionEvent[] = [
    connected,
    { type: 'sent', message: new Uint8Array([0, 255, 127]) },
    { type: 'received', message: 'né \ud800 👋\n', roundTrip: 1.25 },
    { type: 'received', message: '' },
    { type: 'disconnected', code: 1006, reason: 'x', sentCode: 1000 },
    { type: 'cancelled', url: 'ws://a/' },
    { type: 'replaced', url: 'ws://b/' },
    { type: 'left' },
    { type: 'error', problem: 'p' },
    { type: 'refused', url: 'ws://a/', attempts: 3 },
    { type: 'note', text: 'n' },
  ]
  for (const event of events) log.add(event, MIDDAY)
  const restored = reload(log)
  expect(eventsOf(restored)).toEqual([
    ...events,
    { type: 'note', text: 'The lines above are from before this page was loaded.' },
  ])
  expect(restored.entries.map(({ at }) => at)).toEqual(Array(12).fill(MIDDAY))
  expect(restored.removed).toBe(0)
})

test('restored lines come before those that were added since, and a search finds them', () => {
  log.add(sent('old'), MIDDAY)
  const into = createLogStore()
  into.filter('sent', '')
  into.add(connected, MIDDAY + 1000)
  into.add(sent('new'), MIDDAY + 2000)
  reload(log, { into, now: MIDDAY + 3000 })
  expect(into.entries.map(({ at }) => at - MIDDAY)).toEqual([0, 1000, 1000, 2000])
  expect(eventsOf(into).map(({ type }) => type)).toEqual(['sent', 'note', 'connected', 'sent'])
  expect(into.shown.map(({ event }) => event)).toEqual([sent('old'), sent('new')])
  const ids = into.entries.map(({ id }) => id)
  expect(ids).toEqual(ids.toSorted((a, b) => a - b))
  expect(new Set(ids).size).toBe(4)
})

test('the newest 500 lines are kept, and the others are counted', () => {
  for (let i = 1; i <= 1234; i++) log.add(sent(`${i}`), MIDDAY)
  const restored = reload(log)
  expect(restored.entries).toHaveLength(501)
  expect(restored.entries[0]?.event).toEqual(sent('735'))
  expect(restored.removed).toBe(734)
  expect(restored.entries.at(-1)?.event).toEqual({
    type: 'note',
    text: 'The lines above are from before this page was loaded. 734 older lines were not kept.',
  })
})

test('a second reload has one such line at the end, whose number includes the lines lost before', () => {
  for (let i = 1; i <= 501; i++) log.add(sent(`${i}`), MIDDAY)
  const first = reload(log)
  first.add(connected)
  const second = reload(first)
  expect(eventsOf(second)).toEqual(eventsOf(first).slice(0, 501))
  second.add(sent('more'), MIDDAY)
  const third = reload(second)
  expect(third.removed).toBe(3)
  expect(eventsOf(third).slice(-3)).toEqual([
    { type: 'note', text: 'The lines above are from before this page was loaded. 1 older line was not kept.' },
    sent('more'),
    { type: 'note', text: 'The lines above are from before this page was loaded. 3 older lines were not kept.' },
  ])
})

test('a date is named if the newest line is from another day', () => {
  log.add(sent('a'), MIDDAY)
  const restored = reload(log, { now: MIDDAY + 3 * 24 * 3600 * 1000 })
  expect(restored.entries.at(-1)?.event).toMatchObject({ text: expect.stringContaining('They end on 3 March 2026.') })
})

test.each([
  ['text', 'a'.repeat(300_000), '293 KiB'],
  ['text with escapes', '\0'.repeat(100_000), '98 KiB'],
  ['binary', new Uint8Array(250_000), '244 KiB'],
])('a message that is too long is replaced by a line that says so (%s)', (_, message, size) => {
  log.add({ type: 'received', message }, MIDDAY)
  log.add(sent('short'), MIDDAY)
  expect(eventsOf(reload(log)).slice(0, 2)).toEqual([
    { type: 'note', text: `A received message of ${size} was here. It was too long to keep.` },
    sent('short'),
  ])
})

test('a log keeps at most 1 MiB, and all logs have one limit, which the selected one uses first', () => {
  for (let i = 0; i < 20; i++) log.add(sent('a'.repeat(200_000)), MIDDAY)
  const lengths = (room: number) => parseLogs(writeLogs([log, log, log], 1, room)).map(kept => kept?.lines.length)
  expect(lengths(ROOM)).toEqual([5, 5, 0])
  expect(lengths(500_000)).toEqual([0, 2, 0])
  expect(eventsOf(reload(log, { room: 1000 }))).toEqual([
    { type: 'note', text: '20 lines from before this page was loaded were not kept.' },
  ])
})

test('nothing is kept of logs without more than connections', () => {
  expect(writeLogs([log], 0, ROOM)).toBe('')
  log.add(connected)
  log.add({ type: 'left' })
  expect(writeLogs([log], 0, ROOM)).toBe('')
  log.add(sent('a'))
  expect(parseLogs(writeLogs([createLogStore(), log], 0, ROOM))).toEqual([undefined, expect.anything()])
})

test.each([
  ['just before the page is left is dropped, because Firefox itself closes connections so', 500, 1],
  ['earlier is kept', 5000, 2],
])('an end with code 1001 %s', (_, before, lines) => {
  log.add(sent('a'), MIDDAY)
  log.add({ type: 'disconnected', code: 1001, reason: '' }, MIDDAY - before)
  expect(parseLogs(writeLogs([log], 0, ROOM, MIDDAY))[0]?.lines).toHaveLength(lines)
})

test('a restored log is cleared and brought back like any other', () => {
  log.add(sent('a'), MIDDAY)
  const restored = reload(log)
  const undo = restored.clear()
  restored.add(sent('b'))
  undo()
  expect(eventsOf(restored).map(({ type }) => type)).toEqual(['sent', 'note', 'sent'])
})

describe('stored lines that are invalid', () => {
  test.each(['null', '{}', '[null, 1, [], {}]', 'no JSON', ''])('are no log: %s', text => {
    expect(parseLogs(text).filter(Boolean)).toEqual([])
  })

  test.each([
    null,
    {},
    { at: 1 },
    { at: '1', event: { type: 'left' } },
    { at: 1e300, event: { type: 'left' } },
    { at: 1, event: { type: 'toString' } },
    { at: 1, event: { type: 'sent' } },
    { at: 1, event: { type: 'sent', message: { base64: '!' } } },
    { at: 1, event: { type: 'received', message: 'a', roundTrip: '1' } },
    { at: 1, event: { type: 'disconnected', code: '1000', reason: '' } },
    { at: 1, event: { type: 'note', text: 1 } },
  ])('are skipped (case %#)', line => {
    const left = { at: 1, event: { type: 'left' } }
    expect(parseLogs(JSON.stringify([{ older: -1, lines: [line, left] }]))).toEqual([{ older: 0, lines: [left] }])
  })
})
