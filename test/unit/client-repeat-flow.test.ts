import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { afterEach, describe, expect, test } from 'vitest'
import { WebSocketServer } from 'ws'
import { createConnection } from '../../client/core/connection.ts'
import { createRepeat, type RepeatOptions, type RepeatProgress, type RepeatResult } from '../../client/core/repeat.ts'

const MOST_BUFFERED = 1024 * 1024

/**
 * Creates a repetition of messages of `size` bytes with a simulated clock: sending one takes `cost` ms, and `drain` bytes
 * leave per ms.
 */
function simulate(options: Partial<RepeatOptions>, { size = 10, cost = 0, drain = Number.POSITIVE_INFINITY } = {}) {
  const messages: { at: number }[] = []
  const progress: (RepeatProgress & { at: number })[] = []
  const results: RepeatResult[] = []
  const tasks: { task: () => void; at: number }[] = []
  const world = { time: 0, buffered: 0, mostBuffered: 0, isGone: false, longestTask: 0 }

  const repeat = createRepeat(
    { count: 10, inFlight: 0, interval: 0, ...options },
    {
      send() {
        if (world.isGone) return false
        messages.push({ at: world.time })
        world.time += cost
        world.buffered += drain === Number.POSITIVE_INFINITY ? 0 : size
        world.mostBuffered = Math.max(world.mostBuffered, world.buffered)
        return true
      },
      bufferedAmount: () => world.buffered,
      onProgress: now => progress.push({ ...now, at: world.time }),
      onEnd: result => results.push(result),
      now: () => world.time,
      schedule: (task, delay) => tasks.push({ task, at: world.time + delay }),
    },
  )

  function timed(task: () => void) {
    const before = world.time
    task()
    world.longestTask = Math.max(world.longestTask, world.time - before)
  }

  /** Runs the tasks that are due until a time in ms. */
  function runTo(end: number) {
    for (;;) {
      tasks.sort((a, b) => a.at - b.at)
      const next = tasks[0]
      if (!next || next.at > end) break
      tasks.shift()
      const until = Math.max(world.time, next.at)
      world.buffered = Math.max(0, world.buffered - drain * (until - world.time))
      world.time = until
      timed(next.task)
    }
    world.time = Math.max(world.time, end)
  }

  return { world, repeat, messages, progress, results, runTo, tasks, start: () => timed(repeat.start) }
}

describe('ends', () => {
  test('when every message is answered, and not before', () => {
    const { start, repeat, results, world, messages } = simulate({ count: 3 })
    start()
    expect(messages).toHaveLength(3)
    world.time = 2000
    repeat.answered()
    repeat.answered()
    expect(results).toEqual([])
    repeat.answered()
    expect(results).toEqual([{ sent: 3, answered: 3, seconds: 2, isStopped: false }])
    repeat.answered()
    repeat.stop()
    expect(results).toHaveLength(1)
  })

  test('when it is stopped, and sends nothing more', () => {
    const { start, repeat, results, runTo, messages } = simulate({ count: 10, interval: 100 })
    start()
    runTo(150)
    repeat.answered()
    repeat.stop()
    repeat.stop()
    runTo(10_000)
    expect(results).toEqual([{ sent: 2, answered: 1, seconds: 0.15, isStopped: true }])
    expect(messages).toHaveLength(2)
  })

  test('when the connection has ended', () => {
    const { start, results, runTo, world } = simulate({ count: 10, interval: 100 })
    start()
    world.isGone = true
    runTo(10_000)
    expect(results).toEqual([{ sent: 1, answered: 0, seconds: 0.1, isStopped: true }])
  })
})

test('does not count a message as a reply when nothing is unanswered', () => {
  const { start, repeat, results, runTo } = simulate({ count: 2, interval: 100 })
  start()
  repeat.answered()
  repeat.answered()
  expect(results).toEqual([])
  runTo(100)
  repeat.answered()
  expect(results).toMatchObject([{ sent: 2, answered: 2 }])
})

test('keeps the requested number of messages in flight', () => {
  const { start, repeat, messages, runTo, results } = simulate({ count: 10, inFlight: 3 })
  start()
  runTo(1000)
  for (let answered = 1; answered <= 10; answered++) {
    expect(messages).toHaveLength(Math.min(10, answered + 2))
    repeat.answered()
    runTo(1000 + answered)
  }
  expect(results).toMatchObject([{ sent: 10, answered: 10, isStopped: false }])
})

describe('at a rate', () => {
  test('sends evenly', () => {
    const { start, messages, runTo } = simulate({ count: 1000, interval: 20 })
    start()
    runTo(10_000)
    expect(messages).toHaveLength(501)
    for (const [i, { at }] of messages.entries()) expect(at).toBeCloseTo(i * 20)
  })

  test('keeps a rate of many messages per timer', () => {
    const { start, messages, runTo } = simulate({ count: 1_000_000, interval: 0.01 })
    start()
    runTo(500)
    expect(messages.length).toBeGreaterThan(49_000)
    expect(messages.length).toBeLessThan(51_000)
  })

  test('catches up with at most one second', () => {
    const { start, messages, runTo, tasks, world } = simulate({ count: 1_000_000, interval: 10 })
    start()
    world.time = 3_600_000
    for (const { task } of tasks.splice(0)) task()
    runTo(world.time)
    expect(messages.length).toBeGreaterThan(100)
    expect(messages.length).toBeLessThan(105)
  })
})

describe('without a rate', () => {
  test('yields after 8 ms', () => {
    const { start, world, messages, runTo } = simulate({ count: 5000 }, { cost: 0.1 })
    start()
    runTo(10_000)
    expect(messages).toHaveLength(5000)
    expect(world.longestTask).toBeGreaterThan(7)
    expect(world.longestTask).toBeLessThan(8.2)
  })

  test('waits while too many bytes are queued', () => {
    const size = 100_000
    const { start, world, messages, runTo } = simulate({ count: 100 }, { size, drain: 10_000 })
    start()
    runTo(5000)
    expect(messages).toHaveLength(100)
    expect(world.mostBuffered).toBeGreaterThanOrEqual(MOST_BUFFERED)
    expect(world.mostBuffered).toBeLessThan(MOST_BUFFERED + size)
  })
})

describe('progress', () => {
  test('is reported every 100 ms while it changes, and at the end', () => {
    const { start, progress, runTo, repeat } = simulate({ count: 1000, interval: 1 })
    start()
    runTo(1500)
    expect(progress.length).toBeGreaterThan(8)
    for (const [i, { at }] of progress.entries()) expect(at).toBeGreaterThanOrEqual((progress[i - 1]?.at ?? 0) + 100)
    expect(progress.at(-1)).toMatchObject({ sent: 1000, answered: 0, count: 1000 })
    repeat.stop()
    expect(progress.at(-1)).toMatchObject({ sent: 1000, answered: 0, count: 1000, at: 1500 })
  })

  test('includes replies that arrive after the last message is sent', () => {
    const { start, progress, runTo, repeat } = simulate({ count: 10 })
    start()
    runTo(1000)
    repeat.answered()
    runTo(2000)
    expect(progress.at(-1)).toMatchObject({ sent: 10, answered: 1 })
  })
})

describe('on a real connection', () => {
  const servers: WebSocketServer[] = []
  afterEach(() => {
    for (const server of servers.splice(0)) {
      for (const peer of server.clients) peer.terminate()
      server.close()
    }
  })

  test.each([
    { inFlight: 0, isBinary: false },
    { inFlight: 100, isBinary: true },
  ])('20,000 messages do not block timers: %j', async ({ inFlight, isBinary }) => {
    const server = new WebSocketServer({ port: 0, host: '127.0.0.1' })
    servers.push(server)
    server.on('connection', peer => peer.on('message', (data, isBinary) => peer.send(data, { binary: isBinary })))
    await once(server, 'listening')

    const size = 1000
    let mostBuffered = 0
    const { promise: connected, resolve: connect } = Promise.withResolvers<void>()
    const { promise: ended, resolve: end } = Promise.withResolvers<RepeatResult>()
    const connection = createConnection({
      onState: () => {},
      onEvent(event) {
        if (event.type === 'connected') connect()
        if (event.type === 'received') repeat.answered()
      },
    })
    const message = isBinary ? new Uint8Array(size) : '.'.repeat(size)
    const repeat = createRepeat(
      { count: 20_000, interval: 0, inFlight },
      {
        send() {
          const isSent = connection.send(message)
          mostBuffered = Math.max(mostBuffered, connection.facts().bufferedAmount)
          return isSent
        },
        bufferedAmount: () => connection.facts().bufferedAmount,
        onProgress: () => {},
        onEnd: end,
      },
    )

    connection.connect(`ws://127.0.0.1:${(server.address() as AddressInfo).port}`)
    await connected
    let isRunning = true
    let turns = 0
    const turning = (async () => {
      for (; isRunning; turns++) await nextTurn()
    })()
    repeat.start()
    const result = await ended
    isRunning = false
    await turning
    connection.disconnect()

    expect(result).toMatchObject({ sent: 20_000, answered: 20_000, isStopped: false })
    // Node's bufferedAmount includes frame headers of at most 14 bytes.
    expect(mostBuffered).toBeLessThan(MOST_BUFFERED + size + 14)
    expect(turns).toBeGreaterThan(10)
  })
})
