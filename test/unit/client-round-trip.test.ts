import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { createRoundTrip } from '../../client/core/round-trip.ts'

/** A round trip whose clock is set by hand. */
function create() {
  const clock = { time: 0 }
  return { clock, ...createRoundTrip(() => clock.time) }
}

const bytes = (...values: number[]) => Uint8Array.from(values)

describe('a reply is timed', () => {
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

  test('each by its own message, in the order sent', () => {
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

describe('nothing more is said from the first', () => {
  test.each([
    ['other text', 'hello', 'goodbye'],
    ['text that only contains it', 'hello', 'hello!'],
    ['text that is its end', 'hello', 'lo'],
    ['text for binary', bytes(97), 'a'],
    ['binary for text', 'a', bytes(97)],
    ['other bytes', bytes(1, 2), bytes(1, 3)],
    ['bytes that are its end', bytes(1, 2), bytes(2)],
  ])('%s', (_, message, reply) => {
    const { sent, received } = create()
    sent(message)
    expect(received(reply)).toBeUndefined()
    expect(received(message)).toBeUndefined()
    sent('again')
    expect(received('again')).toBeUndefined()
  })

  test('pushed with nothing unanswered', () => {
    const { sent, received } = create()
    sent('a')
    expect(received('a')).toBe(0)
    expect(received('a')).toBeUndefined()
    sent('b')
    expect(received('b')).toBeUndefined()
  })

  test('reply to a later message', () => {
    const { sent, received } = create()
    sent('a')
    sent('b')
    expect(received('b')).toBeUndefined()
    expect(received('a')).toBeUndefined()
  })
})

describe('too much unanswered ends it', () => {
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

  test('by size, of what is unanswered alone', () => {
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
