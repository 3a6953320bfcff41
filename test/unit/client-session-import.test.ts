import { expect, test } from 'vitest'
import type { Setup } from '../../client/core/link.ts'
import type { SessionFile } from '../../client/core/session-file.ts'
import { describeContents, describeImport, planImport } from '../../client/core/session-import.ts'

const nothing: SessionFile = { tabs: [], savedMessages: [], addresses: [], variables: [] }
const tab = (url: string): Setup => ({ url, protocols: '', format: 'text', message: '' })
const hello = { name: 'hello', format: 'text', text: 'one' } as const
const file: SessionFile = {
  tabs: [tab('ws://a/'), tab('ws://b/')],
  savedMessages: [hello, { ...hello, server: 'a' }],
  addresses: ['ws://a/'],
  variables: [{ name: 'id', value: '1' }],
}

test('everything in a file is added to an empty page', () => {
  const plan = planImport(file, nothing)
  expect(plan).toEqual({ added: file, remarks: [] })
  expect(describeImport(plan)).toBe('2 tabs, 2 saved messages, 1 recent address, and 1 variable imported.')
})

test('a second import of the same file adds nothing', () => {
  const url = 'ws://user:secret@a/'
  const here = { ...file, tabs: [{ ...tab(url), closeCode: '1000', reconnect: '', repeat: undefined }, tab('ws://b/')] }
  const plan = planImport(file, here)
  expect(plan.added).toEqual(nothing)
  expect(describeImport(plan)).toBe('Nothing imported. 6 entries were here already.')
})

test('a saved message never replaces another one, even if it is imported again', () => {
  const here = { ...nothing, savedMessages: [{ ...hello, text: 'other' }] }
  const { added, remarks } = planImport(file, here)
  expect(added.savedMessages).toEqual([
    { ...hello, name: 'hello (2)' },
    { ...hello, server: 'a' },
  ])
  expect(remarks).toEqual(['“hello” was saved as “hello (2)”, because that name was taken.'])
  const again = planImport(file, { ...here, savedMessages: [...here.savedMessages, ...added.savedMessages] })
  expect(again.added.savedMessages).toEqual([])
})

test('a variable keeps the value that it has on the page', () => {
  const plan = planImport(file, { ...nothing, variables: [{ name: 'id', value: '2' }] })
  expect(plan.added.variables).toEqual([])
  expect(plan.remarks).toEqual(['The variable “id” keeps its value here.'])
})

test('tabs that differ only in their repeat settings are both kept', () => {
  const repeat = { count: '3', seconds: '1', inFlight: '0', isAtConnect: false }
  const plan = planImport({ ...nothing, tabs: [{ ...tab('ws://a/'), repeat }] }, { ...nothing, tabs: [tab('ws://a/')] })
  expect(plan.added.tabs).toHaveLength(1)
})

test('entries beyond a limit are left out and counted', () => {
  const addresses = Array.from({ length: 19 }, (_, i) => `ws://${i}/`)
  const plan = planImport({ ...nothing, addresses: ['ws://0/', 'ws://x/', 'ws://y/'] }, { ...nothing, addresses })
  expect(plan.added.addresses).toEqual(['ws://x/'])
  expect(describeImport(plan)).toBe('1 recent address imported. 1 entry was here already. 1 entry did not fit.')
})

test('the contents of a file are described in words', () => {
  expect(describeContents({ ...file, addresses: [], variables: [] })).toBe('2 tabs and 2 saved messages')
  expect(describeContents(nothing)).toBe('')
})
