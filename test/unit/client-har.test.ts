import { expect, test } from 'vitest'
import type { ConnectionEvent } from '../../client/core/connection.ts'
import { toHar } from '../../client/core/har.ts'
import { createLogStore, type LogEntry } from '../../client/core/log-store.ts'

const start = Date.UTC(2026, 0, 2, 3, 4, 5)

/** Returns the entries of the archive of these events, which happen one second after another. */
async function write(...events: ConnectionEvent[]) {
  const store = createLogStore()
  for (const [i, event] of events.entries()) store.add(event, start + i * 1000)
  const { file, leftOut } = await toHar(store.entries, 'ws://fallback/')
  const { log } = JSON.parse(await file.text())
  expect(log).toMatchObject({ version: '1.2', creator: { name: expect.any(String), version: expect.any(String) } })
  return { entries: log.entries, leftOut }
}

test('a connection is one entry with its messages', async () => {
  const { entries, leftOut } = await write(
    { type: 'connected', url: 'ws://h/ws?delay=1s', protocol: 'chat', extensions: '' },
    { type: 'sent', message: 'né' },
    { type: 'received', message: Uint8Array.of(0, 255) },
    { type: 'disconnected', code: 1001, reason: '' },
  )
  expect(leftOut).toBe(0)
  expect(entries).toEqual([
    expect.objectContaining({
      startedDateTime: '2026-01-02T03:04:05.000Z',
      time: 3000,
      request: expect.objectContaining({
        method: 'GET',
        url: 'ws://h/ws?delay=1s',
        queryString: [{ name: 'delay', value: '1s' }],
      }),
      response: expect.objectContaining({
        status: 101,
        headers: [{ name: 'Sec-WebSocket-Protocol', value: 'chat' }],
      }),
      _resourceType: 'websocket',
      _webSocketMessages: [
        { type: 'send', time: start / 1000 + 1, opcode: 1, data: 'né' },
        { type: 'receive', time: start / 1000 + 2, opcode: 2, data: 'AP8=' },
      ],
      comment: expect.stringContaining('code 1001'),
    }),
  ])
})

test('each connection and each failed handshake is an entry of its own', async () => {
  const { entries } = await write(
    { type: 'connected', url: 'ws://a/', protocol: '', extensions: '' },
    { type: 'replaced', url: 'ws://b/' },
    { type: 'connected', url: 'ws://b/', protocol: '', extensions: '' },
    { type: 'sent', message: '1' },
    { type: 'disconnected', code: 1006, reason: '' },
    { type: 'refused', url: 'ws://b/' },
    { type: 'cancelled', url: 'ws://c/' },
  )
  expect(
    entries.map((entry: Record<string, object>) => [entry.request, entry.response, entry._webSocketMessages]),
  ).toMatchObject([
    [{ url: 'ws://a/' }, { status: 101 }, []],
    [{ url: 'ws://b/' }, { status: 101 }, [{ data: '1' }]],
    [{ url: 'ws://b/' }, { status: 0 }, []],
    [{ url: 'ws://c/' }, { status: 0 }, []],
  ])
})

test('messages whose connection is no longer in the log keep their place', async () => {
  const { entries } = await write({ type: 'received', message: 'a' })
  expect(entries).toMatchObject([{ request: { url: 'ws://fallback/' }, _webSocketMessages: [{ data: 'a' }] }])
})

test('messages of an address that the log no longer has do not get the address of a later connection', async () => {
  const { entries } = await write(
    { type: 'received', message: 'a' },
    { type: 'disconnected', code: 1000, reason: '' },
    { type: 'connected', url: 'ws://b/', protocol: '', extensions: '' },
  )
  expect(entries).toMatchObject([
    { request: { url: 'ws://unknown.invalid/' }, comment: expect.stringMatching(/no longer in the log.*code 1000/) },
    { request: { url: 'ws://b/' } },
  ])
})

test('no password of an address is in the file', async () => {
  const { entries } = await write(
    { type: 'connected', url: 'ws://user:secret@a/', protocol: '', extensions: '' },
    { type: 'refused', url: 'ws://user:secret@b/' },
  )
  expect(JSON.stringify(entries)).not.toContain('secret')
  expect(JSON.stringify(entries)).not.toContain('user')
})

test('only some entries may be written, each with the address of its connection', async () => {
  const store = createLogStore()
  const events: ConnectionEvent[] = [
    { type: 'connected', url: 'ws://a/', protocol: '', extensions: '' },
    { type: 'sent', message: '1' },
    { type: 'received', message: '2' },
    { type: 'replaced', url: 'ws://b/' },
    { type: 'connected', url: 'ws://b/', protocol: '', extensions: '' },
    { type: 'sent', message: '3' },
    { type: 'disconnected', code: 1000, reason: '' },
    { type: 'refused', url: 'ws://c/' },
    { type: 'note', text: 'a' },
  ]
  for (const event of events) store.add(event)
  const isReceived = ({ event }: LogEntry) => event.type === 'received'
  const { file, leftOut } = await toHar(store.entries, 'ws://fallback/', isReceived)
  expect(JSON.parse(await file.text()).log.entries).toMatchObject([
    { request: { url: 'ws://a/' }, _webSocketMessages: [{ data: '2' }] },
  ])
  expect(leftOut).toBe(0)
})

test('notes and errors are counted as left out', async () => {
  expect(await write({ type: 'note', text: 'a' }, { type: 'error', problem: 'b' })).toEqual({ entries: [], leftOut: 2 })
})
