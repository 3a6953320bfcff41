import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { createRoundTrip } from '../../client/core/round-trip.ts'

/** Creates a round trip with a clock that the test sets. */
function create() {
  const clock = { time: 0 }
  return { clock, ...createRoundTrip(() => clock.time) }
}

const bytes = (...values: number[]) => Uint8Array.from(values)

describe('measures a reply', () => {
  test.each([
    ['equals', 'hello', 'hello'],
    ['ends with', 'hello', '[RE]: hello'],
    ['is empty as', '', ''],
    ['equals', bytes(1, 2), bytes(1, 2)],
    ['ends with', bytes(1, 2), bytes(0, 1, 2)],
    ['is empty as', bytes(), bytes()],
  ])('that %s the message', (_, message, reply) => {
    const { clock, sent, received } = create()
    clock.time = 10
    sent(message)
    clock.time = 12.5
    expect(received(reply)).toBe(2.5)
  })

  test('against its own message, in the order sent', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.string(), fc.nat(100)), { minLength: 1 }), fc.nat(10), (messages, gap) => {
        const { clock, sent, received } = create()
        for (const [message, pause] of messages) {
          clock.time += pause
          sent(message)
        }
        const all = clock.time
        let sentAt = 0
        for (const [message, pause] of messages) {
          clock.time += gap
          sentAt += pause
          expect(received(`> ${message}`)).toBe(clock.time - sentAt)
        }
        expect(clock.time - all).toBe(gap * messages.length)
      }),
    )
  })
})

describe('stops measuring after', () => {
  test.each([
    ['a different text', 'hello', 'goodbye'],
    ['a text that only contains the message', 'hello', 'hello!'],
    ['a text that is the end of the message', 'hello', 'lo'],
    ['a text in reply to binary data', bytes(97), 'a'],
    ['binary data in reply to text', 'a', bytes(97)],
    ['different bytes', bytes(1, 2), bytes(1, 3)],
    ['bytes that are the end of the message', bytes(1, 2), bytes(2)],
  ])('%s', (_, message, reply) => {
    const { sent, received } = create()
    sent(message)
    expect(received(reply)).toBeUndefined()
    expect(received(message)).toBeUndefined()
    sent('again')
    expect(received('again')).toBeUndefined()
  })

  test('a message while nothing is unanswered', () => {
    const { sent, received } = create()
    sent('a')
    expect(received('a')).toBe(0)
    expect(received('a')).toBeUndefined()
    sent('b')
    expect(received('b')).toBeUndefined()
  })

  test('a reply to a later message', () => {
    const { sent, received } = create()
    sent('a')
    sent('b')
    expect(received('b')).toBeUndefined()
    expect(received('a')).toBeUndefined()
  })
})

describe('stops measuring when too much is unanswered', () => {
  test('by number', () => {
    const most = create()
    for (let i = 0; i < 100_000; i++) most.sent('a')
    expect(most.received('a')).toBe(0)
    most.sent('a')
    expect(most.received('a')).toBe(0)

    const more = create()
    for (let i = 0; i < 100_001; i++) more.sent('a')
    expect(more.received('a')).toBeUndefined()
  })

  test('by the size of the unanswered messages', () => {
    const half = new Uint8Array(8 * 1024 * 1024)
    const { sent, received } = create()
    sent(half)
    sent(half)
    expect(received(half)).toBe(0)
    sent(half)
    expect(received(half)).toBe(0)
    sent(half)
    sent('a')
    expect(received(half)).toBeUndefined()
  })
})
