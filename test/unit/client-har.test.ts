import { expect, test } from 'vitest'
import type { ConnectionEvent } from '../../client/core/connection.ts'
import { toHar } from '../../client/core/har.ts'
import { createLogStore } from '../../client/core/log-store.ts'

const start = Date.UTC(2026, 0, 2, 3, 4, 5)

/** Returns the entries of the archive of these events, which happen one second after another. */
async function write(...events: ConnectionEvent[]) {
  const store = createLogStore()
  for (const [i, event] of events.entries()) store.add(event, start + i * 1000)
  const { file, leftOut } = toHar(store.entries, 'ws://fallback/')
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

test('notes and errors are counted as left out', async () => {
  expect(await write({ type: 'note', text: 'a' }, { type: 'error', problem: 'b' })).toEqual({ entries: [], leftOut: 2 })
})
