import { beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest'
import { createHub } from '../../server/signalr/hub.ts'

const HANDSHAKE = '{"protocol":"json","version":1}'

/** Returns a hub, and a function that sends it a record and returns its parsed response. */
function create(prefix = '') {
  let response: { kind?: 'reply' | 'send' | 'end'; records: string } = { records: '' }
  /** Tells the hub that its last record has been sent. */
  let onSent: (() => void) | undefined
  const keep = (kind: 'reply' | 'send' | 'end') => (records: string, sent?: () => void) => {
    response = { kind, records: response.records + records }
    onSent = sent
  }
  const hub = createHub(prefix, { reply: keep('reply'), send: keep('send'), end: keep('end') })
  onTestFinished(() => hub.stop())
  const take = () => {
    const taken = { ...response, records: parse(response.records) }
    response = { records: '' }
    return taken
  }
  const ask = (record: unknown) => {
    hub.receive(Buffer.from(`${typeof record === 'string' ? record : JSON.stringify(record)}\x1e`))
    return take()
  }
  return { hub, take, ask, sent: () => onSent?.() }
}

/** Returns a hub after the handshake. */
function open() {
  const { ask, ...rest } = create('[RE]: ')
  expect(ask(HANDSHAKE)).toEqual({ kind: 'send', records: [{}] })
  return { ask, ...rest }
}

function parse(records = '') {
  const parts = records.split('\x1e')
  expect(parts.pop()).toBe('')
  return parts.map(part => JSON.parse(part))
}

test('a method is answered with a call of the handler and its first argument', () => {
  const { ask } = open()
  const args = ['hello', 2, { a: [null] }]
  expect(ask({ type: 1, invocationId: '7', target: 'Send', arguments: args, headers: { a: 'b' } })).toEqual({
    records: [
      { type: 1, target: 'Send', arguments: args },
      { type: 3, invocationId: '7', result: '[RE]: hello' },
    ],
    kind: 'reply',
  })
})

test.for([
  [[{ a: 1 }, 'b'], { result: { a: 1 } }],
  [[null], { result: null }],
  [[], {}],
] as const)('a method with %j has the completion %j', ([args, content]) => {
  const { records } = open().ask({ type: 1, invocationId: '7', target: 'x', arguments: args })
  expect(records[1]).toEqual({ type: 3, invocationId: '7', ...content })
})

test('an invocation without an invocationId gets no completion', () => {
  const { records } = open().ask({ type: 1, target: 'Send', arguments: ['hello'] })
  expect(records).toEqual([{ type: 1, target: 'Send', arguments: ['hello'] }])
})

describe('streams', () => {
  beforeEach(() => {
    vi.useFakeTimers()
    return () => vi.useRealTimers()
  })

  test('a stream counts from 0, waits between its items, and ends with a completion', () => {
    const { ask, take, sent } = open()
    const next = () => {
      sent()
      vi.advanceTimersByTime(49)
      expect(take().records).toEqual([])
      vi.advanceTimersByTime(1)
      return take().records
    }
    const { records } = ask({ type: 4, invocationId: 's', target: 'Counter', arguments: [2, 50] })
    expect(records).toEqual([{ type: 2, invocationId: 's', item: 0 }])
    expect(next()).toEqual([{ type: 2, invocationId: 's', item: 1 }])
    expect(next()).toEqual([{ type: 3, invocationId: 's' }])
    expect(next()).toEqual([])
  })

  test('an item waits until the one before has been sent', () => {
    const { ask, take, sent } = open()
    ask({ type: 4, invocationId: 's', target: 'Counter', arguments: [2, 0] })
    vi.advanceTimersByTime(10_000)
    expect(take().records).toEqual([])
    sent()
    vi.advanceTimersByTime(1)
    expect(take().records).toEqual([{ type: 2, invocationId: 's', item: 1 }])
  })

  test('a cancelled stream ends with a completion, and its id can be used again', () => {
    const { ask, take, sent } = open()
    const counter = { type: 4, invocationId: 's', target: 'Counter', arguments: [9, 0] }
    ask(counter)
    sent()
    expect(ask({ type: 5, invocationId: 's' })).toEqual({ kind: 'send', records: [{ type: 3, invocationId: 's' }] })
    expect(ask({ type: 5, invocationId: 's' })).toEqual({ records: [] })
    vi.advanceTimersByTime(10_000)
    expect(take().records).toEqual([])
    expect(ask(counter).records).toEqual([{ type: 2, invocationId: 's', item: 0 }])
  })

  test('a stream without items ends at once', () => {
    const { records } = open().ask({ type: 4, invocationId: 's', target: 'Counter', arguments: [0, 0] })
    expect(records).toEqual([{ type: 3, invocationId: 's' }])
  })
})

test.for([
  ['Other', [1, 1], 'the only stream is Counter(count, delay)'],
  ['Counter', [], 'expected a count from 0 to 1000000'],
  ['Counter', [1_000_001, 1], 'expected a count from 0 to 1000000'],
  ['Counter', [1.5, 1], 'expected a count from 0 to 1000000'],
  ['Counter', [1, -1], 'expected a delay from 0 to 300000 milliseconds'],
  ['Counter', [1, '1'], 'expected a delay from 0 to 300000 milliseconds'],
] as const)('a stream %s(%j) fails: %s', ([target, args, problem]) => {
  const { records, kind } = open().ask({ type: 4, invocationId: 's', target, arguments: args })
  expect(records).toEqual([{ type: 3, invocationId: 's', error: expect.stringContaining(problem) }])
  expect(kind).toBe('send')
})

test('a session has at most 16 streams at a time', () => {
  const { ask } = open()
  const responses = Array.from({ length: 17 }, (_, i) =>
    ask({ type: 4, invocationId: `${i}`, target: 'Counter', arguments: [1, 0] }),
  )
  expect(responses[15]?.records).toEqual([{ type: 2, invocationId: '15', item: 0 }])
  expect(responses[16]?.records).toEqual([
    { type: 3, invocationId: '16', error: 'Counter: expected at most 16 streams at a time' },
  ])
})

test.for([{ type: 6 }, { type: 2, invocationId: 'up', item: 1 }, { type: 3, invocationId: 'up' }])(
  '%j gets no response',
  record => expect(open().ask(record)).toEqual({ records: [] }),
)

test('a record without its separator ends the session', () => {
  const { hub, take } = open()
  hub.receive(Buffer.from('{"type":6}'))
  expect(take()).toEqual({
    kind: 'end',
    records: [{ type: 7, error: 'Invalid record: expected 0x1e after each record' }],
  })
})

test('a close record ends the session', () => {
  expect(open().ask({ type: 7 })).toEqual({ kind: 'end', records: [] })
})

test.for([
  ['{', 'expected JSON'],
  ['', 'expected JSON'],
  ['7', 'expected an object'],
  ['null', 'expected an object'],
  ['[]', 'type: expected 1 to 7'],
  [{}, 'type: expected 1 to 7'],
  [{ type: 8 }, 'type: expected 1 to 7'],
  [{ type: '1' }, 'type: expected 1 to 7'],
  [{ type: 1, arguments: [] }, 'target: expected a text'],
  [{ type: 1, target: 'x' }, 'arguments: expected an array'],
  [{ type: 1, target: 'x', arguments: {} }, 'arguments: expected an array'],
  [{ type: 1, invocationId: 7, target: 'x', arguments: [] }, 'invocationId: expected a text of 1 to 128 characters'],
  [{ type: 4, target: 'x', arguments: [] }, 'invocationId: expected a text of 1 to 128 characters'],
  [{ type: 5 }, 'invocationId: expected a text of 1 to 128 characters'],
  [{ type: 5, invocationId: 'x'.repeat(129) }, 'invocationId: expected a text of 1 to 128 characters'],
] as const)('the invalid record %j ends the session with a close record', ([record, problem]) => {
  expect(open().ask(record)).toEqual({ kind: 'end', records: [{ type: 7, error: `Invalid record: ${problem}` }] })
})

test('a second stream with the same invocationId ends the session', () => {
  const { ask } = open()
  const counter = { type: 4, invocationId: 's', target: 'Counter', arguments: [9, 0] }
  ask(counter)
  expect(ask(counter)).toMatchObject({ kind: 'end', records: [{ type: 7 }] })
})

test.for([
  ['{', 'expected JSON'],
  ['{"type":6}', 'expected a handshake with the protocol "json"'],
  ['{"protocol":"messagepack","version":1}', 'expected a handshake with the protocol "json"'],
  ['{"protocol":"json","version":2}', 'expected version 1 of the protocol'],
] as const)('the handshake %s is refused', ([record, problem]) => {
  expect(create().ask(record)).toEqual({
    kind: 'end',
    records: [{ error: `Invalid record: ${problem}` }],
  })
})

test('the server closes with an error that permits reconnecting, or without one', () => {
  const { hub } = open()
  expect(parse(hub.farewell('gone'))).toEqual([{ type: 7, error: 'gone', allowReconnect: true }])
  expect(parse(hub.farewell())).toEqual([{ type: 7 }])
  expect(parse(create().hub.farewell('gone'))).toEqual([{ error: 'gone' }])
})

test('a record that is nested too deeply ends the session', () => {
  const { ask } = open()
  const nested = `${'['.repeat(400_000)}${']'.repeat(400_000)}`
  expect(ask(`{"type":1,"target":"x","arguments":${nested}}`)).toMatchObject({ kind: 'end', records: [{ type: 7 }] })
})
