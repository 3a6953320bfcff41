import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { beforeEach, expect, test } from 'vitest'
import { createJournal } from '../../server/control/journal.ts'

const KiB = 1024

const one = { id: 1, testId: undefined }

let counted = 0
const budget = { add: (cost: number) => (counted += cost) }
beforeEach(() => (counted = 0))

test('keeps the newest entries that fit, and says how many it dropped', () => {
  const journal = createJournal(10 * KiB, budget)
  for (let i = 0; i < 100; i++) journal.addMessage({ id: i % 2, testId: undefined }, 'binary', Buffer.alloc(KiB, i))
  const { dropped, messages: kept } = journal.read({})
  // Each entry counts 512 bytes besides its payload.
  expect(kept).toHaveLength(6)
  expect(kept.at(-1)).toMatchObject({ connection: 1, bytes: KiB, base64: Buffer.alloc(KiB, 99).toString('base64') })
  expect(journal.read({ connection: 1 }).messages.map(({ connection }) => connection)).toEqual([1, 1, 1])
  expect(dropped).toBe(94)
})

test('does not keep an entry that is too large for it', () => {
  const journal = createJournal(10 * KiB, budget)
  journal.addMessage(one, 'text', Buffer.from('small'))
  journal.addMessage(one, 'text', Buffer.alloc(10 * KiB))
  expect(journal.read({})).toEqual({ dropped: 2, messages: [], faults: [] })
  journal.addMessage(one, 'text', Buffer.from('small'))
  expect(journal.read({}).messages).toMatchObject([{ text: 'small' }])
})

test('starts again when it is cleared', () => {
  const journal = createJournal(2 * KiB, budget)
  for (let i = 0; i < 10; i++) journal.addMessage(one, 'ping', Buffer.of(i))
  journal.clear({})
  expect(journal.read({})).toEqual({ dropped: 0, messages: [], faults: [] })
})

test('a small message does not keep the chunk that it arrived in', () => {
  const journal = createJournal(10 * KiB, budget)
  const chunk = Buffer.from('a message in a chunk')
  journal.addMessage(one, 'text', chunk.subarray(2, 9))
  chunk.fill('x')
  expect(journal.read({}).messages).toMatchObject([{ text: 'message' }])
})

test('takes no more memory than its size, even after a hundred times as many bytes', async () => {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  const size = 2 ** 24
  const journal = createJournal(size, budget)
  collect()
  const before = process.memoryUsage().arrayBuffers
  const payload = 2 ** 16
  for (let i = 0; i < (100 * size) / payload; i++) journal.addMessage(one, 'binary', Buffer.alloc(payload))
  const held = () => {
    collect()
    return process.memoryUsage().arrayBuffers - before
  }
  await expect.poll(held).toBeLessThan(1.1 * size)
  expect(journal.read({}).messages.length).toBeGreaterThan(100)
})

test('its memory counts in the budget until it is dropped or cleared', () => {
  const journal = createJournal(2 * KiB, budget)
  journal.addMessage(one, 'text', Buffer.alloc(KiB))
  expect(counted).toBe(512 + KiB)
  journal.addMessage(one, 'text', Buffer.alloc(KiB))
  expect(counted).toBe(512 + KiB)
  journal.clear({})
  expect(counted).toBe(0)
})
