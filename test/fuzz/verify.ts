import { alignRelayed, closePayload, connectRaw, frame, framesUntilClose, opcodes } from '../suite/raw-client.ts'
import { bytesOf, type Expected, expect, type SentFrame } from './model.ts'

/** Returns the size of the next chunk, given the number of bytes left. */
export type Cuts = (length: number) => number

const GOODBYE = 4999

/**
 * Sends frames to a server that echoes verbatim, and compares every byte of its response with the model.
 * @param isRelayed whether the echo is behind a relay
 * @returns the expected result, for comparison with the log and the journal
 * @throws an error with the expected and the actual frame
 */
export async function verify(
  url: string,
  frames: SentFrame[],
  maxPayload: number,
  cut: Cuts,
  isRelayed = false,
): Promise<Expected> {
  const expected = expect(frames, maxPayload)
  const { replies, close } = expected
  const client = await connectRaw(url)
  const bytes = Buffer.concat(frames.map(bytesOf))
  for (let at = 0; at < bytes.length; ) {
    const next = at + Math.max(1, cut(bytes.length - at))
    client.socket.write(bytes.subarray(at, next))
    at = next
  }
  if (close === undefined) client.socket.write(frame(opcodes.close, closePayload(GOODBYE)))

  const closed = { opcode: opcodes.close, payload: close === 1005 ? Buffer.alloc(0) : closePayload(close ?? GOODBYE) }
  const all = [...replies, closed]
  const aligned = isRelayed ? alignRelayed(await framesUntilClose(client), all) : undefined
  for (const [i, { opcode, payload }] of (aligned?.expected ?? all).entries()) {
    const came = aligned ? (aligned.came[i] ?? closed) : await client.frame()
    const isRight =
      opcode === opcodes.close ? came.payload.subarray(0, 2).equals(payload) : came.payload.equals(payload)
    if (came.opcode !== opcode || !isRight) {
      const show = (frame: { opcode: number; payload: Buffer }) =>
        `${frame.opcode} ${frame.payload.toString('hex', 0, 32)}`
      throw new Error(`response ${i}: expected ${show({ opcode, payload })}, got ${show(came)}`)
    }
  }
  if (aligned && aligned.came.length > aligned.expected.length) throw new Error('response: more than expected')
  if (!client.socket.closed) {
    client.socket.end()
    await new Promise(resolve => client.socket.once('close', resolve))
  }
  return { ...expected, close: close ?? GOODBYE }
}

type Line = Record<string, unknown>

/** Collects the log of each connection, available by its path once the connection has ended. */
export function createLogReader() {
  const connections = new Map<unknown, Line[]>()
  const ended = new Map<unknown, PromiseWithResolvers<Line[]>>()
  const waitFor = (path: unknown) => {
    const waiting = ended.get(path) ?? Promise.withResolvers<Line[]>()
    ended.set(path, waiting)
    return waiting
  }

  return {
    add(line: Line): void {
      if (line.side === 'backend') return
      if (line.msg === 'Connected!') connections.set(line.connection, [])
      const lines = connections.get(line.connection)
      lines?.push(line)
      if (!lines || line.msg !== 'Disconnected') return
      connections.delete(line.connection)
      waitFor(lines[0]?.path).resolve(lines)
    },

    async of(path: string): Promise<Line[]> {
      const lines = await waitFor(path).promise
      ended.delete(path)
      return lines
    },
  }
}

const escapes = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u

/**
 * Compares the log of a connection at `info` with the model.
 * @throws an error with the expected and the actual lines
 */
export function verifyLog(lines: Line[], { replies, close, isFailed, reason }: Expected): void {
  const messages = replies.filter(({ opcode }) => opcode !== opcodes.pong).length
  const expected = ['Connected!', ...(isFailed ? ['Failed the connection'] : []), 'Disconnected'].join()
  const said = lines.map(({ msg }) => msg).join()
  const last = lines.at(-1)
  const isReason = isFailed || escapes.test(reason) || (last?.reason ?? '') === reason
  if (said === expected && last?.code === close && last?.messages === messages && isReason) return
  throw new Error(`log: expected ${expected} ${close} ${reason} ${messages}, got ${said} ${JSON.stringify(last)}`)
}

/**
 * Compares the journal of a connection with the model.
 * @throws an error with the first entry that differs
 */
export function verifyJournal(entries: Line[], { replies, close, isFailed, reason }: Expected): void {
  const opcodeOf: Record<number, string> = { 1: 'text', 2: 'binary', 10: 'ping' }
  const contentOf = (opcode: string | undefined, payload: Buffer) =>
    opcode === 'text' ? { text: payload.toString() } : { base64: payload.toString('base64') }
  const expected = [
    ...replies.map(({ opcode, payload }) => {
      const name = opcodeOf[opcode]
      return { opcode: name, bytes: payload.length, ...contentOf(name, payload) }
    }),
    { opcode: 'close', bytes: Buffer.byteLength(reason), text: reason, code: isFailed ? 1006 : close },
  ]
  const kept = entries.map(({ time, connection, ...entry }) => entry)
  for (const [i, entry] of expected.entries()) {
    const [wanted, got] = [JSON.stringify(entry), JSON.stringify(kept[i])]
    if (wanted !== got) throw new Error(`journal: expected ${wanted?.slice(0, 200)}, got ${got?.slice(0, 200)}`)
  }
  if (kept.length !== expected.length)
    throw new Error(`journal: expected ${expected.length} entries, got ${kept.length}`)
}
