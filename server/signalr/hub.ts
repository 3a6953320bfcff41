/** Sends records. `reply` is for the response to an invocation, and `end` for the last records of the session, if any. */
type HubOutlet = { [name in 'reply' | 'send' | 'end']: (records: string, onSent?: () => void) => void }

// Streams of one session at a time, characters of their ids, their items, and milliseconds between two of them.
const MAX_STREAMS = 16
const MAX_ID = 128
const MAX_COUNT = 1_000_000
const MAX_DELAY = 300_000

const encode = (record: object) => `${JSON.stringify(record)}\x1e`

/** Returns a record that calls a handler of the client. */
export const call = (target: string, args: unknown[]): string => encode({ type: 1, target, arguments: args })

const complete = (invocationId: string, content?: { result?: unknown; error?: string }) =>
  encode({ type: 3, invocationId, ...content })

/**
 * Creates the hub of one session, which speaks the JSON hub protocol, version 1.
 * @param prefix goes before a text that is returned as the result of a method
 */
export function createHub(prefix: string, outlet: HubOutlet) {
  const streams = new Map<string, { timer?: NodeJS.Timeout }>()
  let isOpen = false

  /** Returns the record that ends the session, or refuses the handshake. */
  const last = (error?: string, allowReconnect?: true): string =>
    encode(isOpen ? { type: 7, error, allowReconnect } : { error: error ?? 'the server closed the session' })

  const shakeHands = ({ protocol, version }: Record<string, unknown>) => {
    expect(protocol === 'json', 'expected a handshake with the protocol "json"')
    expect(version === 1, 'expected version 1 of the protocol')
    isOpen = true
    outlet.send(encode({}))
  }

  const handle = ({ type, invocationId, target, arguments: args }: Record<string, unknown>) => {
    // Items and ends of streams from the client get no response: the invocation that announced them is complete.
    if (type === 2 || type === 3 || type === 6) return
    if (type === 7) return outlet.end('')
    expect(type === 1 || type === 4 || type === 5, 'type: expected 1 to 7')
    const isUnanswered = type === 1 && invocationId == null
    const id = isUnanswered ? 'none' : invocationId
    const isId = typeof id === 'string' && id !== '' && id.length <= MAX_ID
    expect(isId, `invocationId: expected a text of 1 to ${MAX_ID} characters`)
    if (type === 5) return cancel(id)
    expect(typeof target === 'string', 'target: expected a text')
    expect(Array.isArray(args), 'arguments: expected an array')
    if (type === 4) return stream(id, target, args)
    const result = typeof args[0] === 'string' ? prefix + args[0] : args[0]
    // The call comes first, so that the handler has run when the client learns the result.
    return outlet.reply(call(target, args) + (isUnanswered ? '' : complete(id, { result })))
  }

  const cancel = (id: string) => {
    clearTimeout(streams.get(id)?.timer)
    if (streams.delete(id)) outlet.send(complete(id))
  }

  /** Sends each number once the one before has been sent, so that few of them wait for a client that does not read. */
  const stream = (id: string, target: string, [count, delay]: unknown[]) => {
    expect(!streams.has(id), `a stream with the invocationId ${JSON.stringify(id)} is open already`)
    const fail = (error: string) => outlet.send(complete(id, { error }))
    if (target !== 'Counter') return fail('the only stream is Counter(count, delay)')
    if (!isWithin(count, MAX_COUNT)) return fail(`Counter: expected a count from 0 to ${MAX_COUNT}`)
    if (!isWithin(delay, MAX_DELAY)) return fail(`Counter: expected a delay from 0 to ${MAX_DELAY} milliseconds`)
    if (streams.size === MAX_STREAMS) return fail(`Counter: expected at most ${MAX_STREAMS} streams at a time`)
    const stream: { timer?: NodeJS.Timeout } = {}
    streams.set(id, stream)
    let item = 0
    const sendNext = () => {
      if (item === count) return cancel(id)
      return outlet.send(encode({ type: 2, invocationId: id, item: item++ }), () => {
        if (streams.get(id) === stream) stream.timer = setTimeout(sendNext, delay)
      })
    }
    return sendNext()
  }

  return {
    /** Returns whether the handshake is complete. */
    isOpen: (): boolean => isOpen,

    /** Keeps a client that receives nothing else. */
    ping: (): void => (isOpen ? outlet.send(encode({ type: 6 })) : undefined),

    /** Returns the record with which the server closes. After an error, clients with automatic reconnect come back. */
    farewell: (error?: string): string => last(error, error === undefined ? undefined : true),

    /** Handles a record. An invalid one ends the session. */
    receive(record: Buffer): void {
      try {
        expect(record.at(-1) === 0x1e, 'expected 0x1e after each record')
        const received: unknown = JSON.parse(record.toString('utf8', 0, record.length - 1))
        expect(typeof received === 'object' && received !== null, 'expected an object')
        if (isOpen) handle({ ...received })
        else shakeHands({ ...received })
      } catch (error) {
        // Apart from invalid JSON, the error may be that it is nested too deeply, or longer than a string can be.
        const problem = error instanceof ProtocolError ? error.message : 'expected JSON'
        outlet.end(last(`Invalid record: ${problem}`))
      }
    },

    /** Stops all streams. */
    stop(): void {
      for (const { timer } of streams.values()) clearTimeout(timer)
      streams.clear()
    },
  }
}

/** The message says which part of a record was expected. */
class ProtocolError extends Error {}

function expect(isMet: boolean, expected: string): asserts isMet {
  if (!isMet) throw new ProtocolError(expected)
}

const isWithin = (value: unknown, most: number): value is number =>
  Number.isInteger(value) && (value as number) >= 0 && (value as number) <= most
