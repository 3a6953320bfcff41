import type { Socket } from 'node:net'
import { Duplex } from 'node:stream'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { limitRate, slice } from '../../server/wire/pace.ts'

beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] }))
afterEach(() => void vi.useRealTimers())

/** Returns a socket, and what the operating system takes from it: the bytes, and after how many milliseconds. */
function createTested() {
  const taken: [at: number, bytes: string][] = []
  const begin = performance.now()
  const socket = new Duplex({
    read() {},
    write(chunk, _encoding, done) {
      taken.push([performance.now() - begin, `${chunk}`])
      done()
    },
  })
  return { socket: socket as unknown as Socket, taken }
}

test('slices are cut at every boundary, across writes, and leave 2 ms apart', () => {
  const { socket, taken } = createTested()
  slice(socket, 3)
  socket.write('abcdefgh')
  socket.write('ij')
  vi.advanceTimersByTime(100)
  expect(taken).toEqual([
    [2, 'abc'],
    [4, 'def'],
    [6, 'gh'],
    [8, 'ij'],
  ])
})

test.for(['slice', 'rate'])('with a rate, the lower of both limits applies, whichever is first (%s)', first => {
  const { socket, taken } = createTested()
  if (first === 'slice') slice(socket, 3)
  limitRate(socket, 1000)
  if (first === 'rate') slice(socket, 3)
  socket.write('x'.repeat(30))
  vi.advanceTimersByTime(29)
  expect(taken.map(([, bytes]) => bytes).join('').length).toBeLessThan(30)
  expect(taken.every(([, { length }]) => length <= 3)).toBe(true)
  vi.advanceTimersByTime(100)
  expect(taken.map(([, bytes]) => bytes).join('')).toHaveLength(30)
})

test('only one timer runs, however many slices wait, and none when the socket is gone', () => {
  const { socket } = createTested()
  slice(socket, 1)
  for (let i = 0; i < 10; i++) socket.write(Buffer.alloc(2 ** 20))
  vi.advanceTimersByTime(50)
  expect(vi.getTimerCount()).toBe(1)
  socket.destroy()
  return vi.waitFor(() => expect(vi.getTimerCount()).toBe(0), 10_000)
})

test.for(['slice', 'rate', 'both'])('everything leaves at once and in order when the limits are lifted (%s)', which => {
  const { socket, taken } = createTested()
  const lifts = [which !== 'rate' && slice(socket, 1), which !== 'slice' && limitRate(socket, 1)]
  socket.write('abcdef')
  socket.write('ghi')
  vi.advanceTimersByTime(2500)
  const before = taken.length
  for (const lift of lifts) if (lift) lift()
  vi.advanceTimersByTime(0)
  expect(before).toBeLessThan(10)
  expect(taken.map(([, bytes]) => bytes).join('')).toBe('abcdefghi')
})
