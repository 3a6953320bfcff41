import { createHistogram } from 'node:perf_hooks'
import { setTimeout as delay } from 'node:timers/promises'
import type { WebSocket } from 'ws'
import { openLoadConnection } from '../bench/load-connection.ts'
import { createStream } from '../bench/stream.ts'
import { bytesOf } from '../fuzz/model.ts'
import { createRandom } from '../fuzz/random.ts'
import { connect, implementations } from '../suite/client.ts'
import { connectRaw, frame, opcodes } from '../suite/raw-client.ts'
import { createPatience, openRaw } from './refusals.ts'

/** The state that all clients of a soak share. */
export type Soak = {
  url: string
  isOver(): boolean
  /** Whether a connection may end now with this code, because a replica has just been killed. */
  mayEnd(code: number): boolean
  connected(): void
  answered(messages: number): void
  lost(): void
  /** Ends the soak with an error. */
  fail(problem: string): void
}

/** The prefix of the stack's replies to texts. */
export const PREFIX = '[RE]: '

/** Repeats a visit. A visit that throws fails the soak, unless a replica has just been killed. */
async function repeat(soak: Soak, name: string, visit: () => Promise<void>): Promise<void> {
  const patience = createPatience()
  while (!soak.isOver()) {
    try {
      await visit()
      patience.accepted()
    } catch (error) {
      if (soak.isOver()) return
      const { message } = error as Error
      if (!patience.tolerates(message) && !soak.mayEnd(1006)) return soak.fail(`${name}: ${message}`)
      soak.lost()
      await delay(100)
    }
  }
}

function equal(got: unknown, wanted: unknown): void {
  const show = (value: unknown) => String(value).slice(0, 60)
  if (got !== wanted) throw new Error(`expected ${show(wanted)}, got ${show(got)}`)
}

/** Sends continuously with the load generator of the bench, which compares every byte. */
export async function busy(soak: Soak, size: number, inFlight: number): Promise<void> {
  const stream = createStream({ url: soak.url, prefix: PREFIX }, size, inFlight)
  const latencies = createHistogram()
  const patience = createPatience()
  while (!soak.isOver()) {
    const ended = Promise.withResolvers<void>()
    let counted = 0
    const onEnd = (code: number, refusal?: string) => {
      const isTolerated = refusal && patience.tolerates(refusal)
      if (!soak.isOver() && !isTolerated && !soak.mayEnd(code))
        soak.fail(`a busy connection ended with ${code} ${refusal ?? ''}`)
      soak.lost()
      ended.resolve()
    }
    const opening = openLoadConnection({ url: soak.url, stream, first: 0, latencies, onError: soak.fail, onEnd })
    const connection = await Promise.race([opening, ended.promise])
    if (connection) {
      patience.accepted()
      soak.connected()
      connection.start(inFlight)
      const watch = setInterval(() => {
        soak.answered(connection.replies() - counted)
        counted = connection.replies()
        if (soak.isOver()) void connection.stop().then(ended.resolve)
      }, 100)
      await ended.promise
      clearInterval(watch)
      soak.answered(connection.replies() - counted)
      connection.close()
    }
    if (!soak.isOver()) await delay(100)
  }
}

/** Stays idle for some seconds, and then sends one message. */
export const idle = (soak: Soak) =>
  repeat(soak, 'an idle connection', async () => {
    const { socket, next, closed } = await connect(soak.url)
    soak.connected()
    const left = Promise.race([closed, delay(5000)])
    const end = await left
    if (end) throw new Error(`it ended with ${end.code}`)
    socket.send('still here')
    equal(await next(), `${PREFIX}still here`)
    soak.answered(1)
    socket.close()
    await closed
  })

/** Sends many messages at once, and reads the replies slowly. */
export const slow = (soak: Soak) =>
  repeat(soak, 'a slow connection', async () => {
    const { socket, frame: nextFrame } = await openRaw(soak.url)
    soak.connected()
    const text = 'slowly '.repeat(2000)
    for (let i = 0; i < 200; i++) socket.write(frame(opcodes.text, `${i} ${text}`))
    for (let i = 0; i < 200; ) {
      const { opcode, payload } = await nextFrame()
      if (opcode !== opcodes.text) continue
      equal(payload.toString(), `${PREFIX}${i++} ${text}`)
      soak.answered(1)
      if (i % 20 > 0) continue
      socket.pause()
      await delay(200)
      socket.resume()
    }
    socket.destroy()
  })

export const compressed = (soak: Soak) =>
  repeat(soak, 'a compressing connection', async () => {
    const { socket, next } = await connect(soak.url)
    soak.connected()
    equal((socket as unknown as WebSocket).extensions, 'permessage-deflate')
    for (let i = 0; i < 100; i++) {
      const text = `${i} `.repeat(1 + ((i * 397) % 5000))
      socket.send(text)
      equal(await next(), PREFIX + text)
      soak.answered(1)
      await delay(10)
    }
    socket.close()
  })

const FAULTS: [query: string, replies: (text: string) => string[], code: number][] = [
  ['delay=30ms&jitter=20ms&close=4000&after=3', text => [text], 4000],
  ['repeat=3&fragment=5&close=4001&reason=x&after=3', text => [text, text, text], 4001],
  ['loss=1&close=4002&after=3', () => [], 4002],
  ['rate=100KiB&drop=fin&after=3', text => [text], 1006],
  ['drop=rst&after=3', text => [text], 1006],
  ['corrupt=rsv&after=3', text => [text], 1006],
]

/** Requests faults and verifies that exactly these happen. */
export const faulty = (soak: Soak) =>
  repeat(soak, 'a connection with faults', async () => {
    for (const [query, replies, code] of FAULTS) {
      const { socket, next, closed } = await connect(`${soak.url}?${query}`, implementations['Node’s WebSocket'])
      soak.connected()
      for (const text of ['one', 'two', 'three']) {
        socket.send(text)
        for (const reply of replies(text)) equal(await next(), PREFIX + reply)
        soak.answered(replies(text).length)
      }
      if (query.startsWith('corrupt')) socket.send('four')
      equal((await closed).code, code)
    }
  })

/** Sends frames with altered bytes. */
export async function malformed(soak: Soak, seed: number): Promise<void> {
  for (let round = 0; !soak.isOver(); round++) {
    const random = createRandom(seed + round, 2 ** 20)
    try {
      const { socket } = await connectRaw(soak.url)
      soak.connected()
      socket.write(random.mutate(Buffer.concat(random.frames().slice(0, 50).map(bytesOf))))
      if (random.oneIn(2)) socket.pause()
      await delay(200)
      socket.destroy()
    } catch {
      await delay(100)
    }
  }
}
