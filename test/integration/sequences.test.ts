import { connect } from 'node:net'
import { text } from 'node:stream/consumers'
import { describe, expect, test } from 'vitest'
import type { Environment } from '../../server/config/config.ts'
import { closePayload, connectRaw, frame, opcodes } from '../suite/raw-client.ts'
import { serve } from './serve.ts'

type Fault = { time: string; connection: number | null; testId?: string; address: string; fault: string }

/** Starts a server with its control port and a journal. */
async function start(env: Environment = {}) {
  const started = await serve({ CONTROL_PORT: '0', JOURNAL_SIZE: '1MiB', ...env })
  const ask = async (method: string, path: string, sent?: unknown) => {
    const json =
      sent === undefined ? {} : { body: JSON.stringify(sent), headers: { 'Content-Type': 'application/json' } }
    const response = await fetch(started.control + path, { method, ...json })
    const body = await response.text()
    return { status: response.status, text: body, json: /^[{[]/.test(body) ? JSON.parse(body) : {} }
  }
  /** Makes a handshake and returns its status, and the first bytes behind a 101 if there are any. */
  const meet = async (query = '', headers: Record<string, string> = {}) => {
    const client = await connectRaw(`${started.url}${query && '?'}${query}`, headers)
    const status = Number(client.head.split(' ')[1])
    if (status !== 101) client.socket.destroy()
    return { ...client, status }
  }
  const statuses = async (count: number, query?: string, headers?: Record<string, string>) => {
    const all: number[] = []
    while (all.length < count) {
      const { status, socket } = await meet(query, headers)
      socket.destroy()
      all.push(status)
    }
    return all
  }
  const faultsOf = async (filter = ''): Promise<string[]> =>
    (await ask('GET', `messages${filter}`)).json.faults.map(({ fault }: Fault) => fault)
  return { ...started, ask, meet, statuses, faultsOf }
}

describe('times', () => {
  test('applies a fault to the first connections that ask for it', async () => {
    const { statuses, log } = await start()
    expect(await statuses(4, 'reject=503&times=2')).toEqual([503, 503, 101, 101])
    expect(log).toContainEqual(expect.objectContaining({ msg: 'Connected!', usedUp: 'reject=503&times=2' }))
  })

  test('counts by key, and apart from other keys and other faults', async () => {
    const { statuses } = await start()
    expect(await statuses(2, 'reject=503&times=1&key=a')).toEqual([503, 101])
    expect(await statuses(2, 'reject=503&times=1&key=b')).toEqual([503, 101])
    expect(await statuses(2, 'reject=500&times=1&key=a')).toEqual([500, 101])
  })

  test('counts no plain requests and no handshakes that fail for another reason', async () => {
    const { statuses, http, meet } = await start()
    const query = 'reject=503&times=1&key=a'
    for (let i = 0; i < 3; i++) expect((await fetch(`${http}?${query}`)).status).toBe(503)
    expect((await meet('reject=503&times=1&key=a&delay=x')).status).toBe(400)
    expect(await statuses(2, query)).toEqual([503, 101])
    const response = await fetch(`${http}?${query}`)
    expect(response.status).toBe(426)
    expect(await response.text()).toMatch(/^The faults of this query are used up\./)
  })

  test('counts long queries apart that differ only in their last characters', async () => {
    const { statuses } = await start()
    const query = (status: number) => `message=${'x'.repeat(300)}&times=1&key=a&reject=${status}`
    expect(await statuses(2, query(503))).toEqual([503, 101])
    expect(await statuses(2, query(500))).toEqual([500, 101])
  })

  test('does not count, log or record a handshake behind an answer that ends its connection', async () => {
    const { faultsOf, log, port, statuses } = await start()
    const query = 'reject=503&times=1&key=a'
    const handshake = `GET /?${query} HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n`
    const socket = connect(port, '127.0.0.1')
    socket.end(`GET / HTTP/1.1\r\nHost: a\r\n\r\n${handshake}`)
    const answers = await text(socket)
    expect(answers.match(/^HTTP.*$/gm)).toEqual(['HTTP/1.1 426 Upgrade Required'])
    expect(await faultsOf()).toEqual([])
    expect(log).not.toContainEqual(expect.objectContaining({ msg: 'Refused a handshake' }))
    expect(await statuses(2, query)).toEqual([503, 101])
  })

  test('applies to faults of an open connection as well', async () => {
    const { meet } = await start()
    const first = await meet('close=1011&times=1&key=a')
    expect((await first.frame()).opcode).toBe(opcodes.close)
    const second = await meet('close=1011&times=1&key=a')
    second.socket.write(frame(opcodes.text, 'hello'))
    expect((await second.frame()).payload.toString()).toBe('[RE]: hello')
  })

  test('leads to the default faults once they are used up', async () => {
    const { ask, statuses } = await start()
    await ask('PUT', 'faults', { reject: 429 })
    expect(await statuses(2, 'reject=503&times=1')).toEqual([503, 429])
  })

  test('GET /keys lists the counts, and DELETE /keys forgets them', async () => {
    const { ask, statuses } = await start()
    const query = 'reject=503&times=2&key=login'
    await statuses(3, query)
    await statuses(1, 'reject=503&times=2')
    expect((await ask('GET', 'keys')).json).toEqual({
      keys: [
        { key: 'login', query, times: 2, used: 2 },
        { key: '127.0.0.1', query: 'reject=503&times=2', times: 2, used: 1 },
      ],
    })
    expect((await ask('DELETE', 'keys')).json).toEqual({})
    expect((await ask('GET', 'keys')).json).toEqual({ keys: [] })
    expect(await statuses(3, query)).toEqual([503, 503, 101])
  })

  test('forgets the oldest of more than a thousand keys', async () => {
    const { ask, statuses } = await start()
    await statuses(1, 'reject=503&times=1&key=first')
    for (let i = 0; i < 1000; i++) await statuses(1, `reject=503&times=1&key=${i}`)
    const { keys } = (await ask('GET', 'keys')).json
    expect(keys).toHaveLength(1000)
    expect(keys[0].key).toBe('0')
    expect(await statuses(2, 'reject=503&times=1&key=first')).toEqual([503, 101])
  })
})

describe('a list of default faults', () => {
  test('gives each connection the next one, and the last one stays', async () => {
    const { ask, meet, statuses } = await start()
    const list = [{ reject: 503, times: 2 }, { close: 1011, after: 1 }, {}]
    expect((await ask('PUT', 'faults', list)).json).toEqual([
      { reject: '503', times: '2' },
      { close: '1011', after: '1' },
      {},
    ])
    expect((await ask('GET', 'faults')).json).toHaveLength(3)
    expect(await statuses(2)).toEqual([503, 503])
    const third = await meet()
    third.socket.write(frame(opcodes.text, 'hello'))
    expect((await third.frame()).payload.toString()).toBe('[RE]: hello')
    expect((await third.frame()).opcode).toBe(opcodes.close)
    for (let i = 0; i < 3; i++) {
      const { socket, frame: next } = await meet()
      socket.write(Buffer.concat([frame(opcodes.text, 'a'), frame(opcodes.text, 'b')]))
      expect((await next()).payload.toString()).toBe('[RE]: a')
      expect((await next()).payload.toString()).toBe('[RE]: b')
    }
  })

  test('ends if its last faults have a number of times', async () => {
    const { ask, statuses } = await start()
    await ask('PUT', 'faults', { reject: 503, times: 1 })
    expect(await statuses(3)).toEqual([503, 101, 101])
    await ask('PUT', 'faults', [{ times: 1 }, { reject: 503 }])
    expect(await statuses(3)).toEqual([101, 503, 503])
  })

  test('is used up by valid handshakes only', async () => {
    const { ask, http, meet, statuses } = await start()
    await ask('PUT', 'faults', [{ reject: 503 }, {}])
    for (let i = 0; i < 3; i++) expect((await fetch(http)).status).toBe(503)
    expect((await meet('delay=x')).status).toBe(400)
    expect(await statuses(2)).toEqual([503, 101])
  })

  test.for([
    [[{ reject: 503 }, { loss: 2 }], 'faults 2: "loss=2": expected a share'],
    [[{ reject: 503 }, { los: 1 }], 'faults 2: "los" is unknown'],
    [[{ loss: 2, delay: 'x' }, {}], 'faults 1: "delay=x": expected a duration'],
    [[], 'expected an object of faults, or an array of 1 to 1000 such objects'],
    ['reject', 'expected object'],
    [{ reject: 503, key: 'a' }, 'key is for a query only'],
    [{ 'test-id': 'a', delay: 1 }, 'test-id is for a query only'],
    [{ reject: 503, times: 0 }, '"times=0": expected an integer from 1 to 1000000'],
    [{ redirect: 307 }, 'redirect needs location'],
    [{ redirect: 307, location: 'ws://echo.test/' }, 'REDIRECT_HOSTS does not list the host echo.test'],
    [{ delay: ['1s', '2s'] }, 'delay: expected a string, a number or true'],
    [{ header: [{}] }, 'header'],
    [{ message: [] }, 'message: expected a string, or an array of strings'],
  ] as const)('%j is refused', async ([faults, expected]) => {
    const { ask } = await start()
    await ask('PUT', 'faults', { delay: '1s' })
    const { status, json } = await ask('PUT', 'faults', faults)
    expect(status).toBe(400)
    expect(json.error).toContain(expected)
    expect((await ask('GET', 'faults')).json).toEqual({ delay: '1s' })
  })
})

describe('the faults of one test', () => {
  test.for([
    ['a header', '', { 'X-Test-Id': 'login' }],
    ['a parameter', 'test-id=login', {}],
    ['an encoded parameter', 'test%2Did=log%69n', {}],
  ] as const)('apply to connections with its name in %s', async ([, query, headers]) => {
    const { ask, statuses } = await start()
    await ask('PUT', 'faults', { reject: 500 })
    await ask('PUT', 'faults?for=login', [{ reject: 503 }, {}])
    expect(await statuses(2, query, headers)).toEqual([503, 101])
    expect(await statuses(1)).toEqual([500])
    expect(await statuses(1, 'test-id=other')).toEqual([500])
    expect((await ask('GET', 'faults?for=login')).json).toEqual([{ reject: '503' }, {}])
    expect((await ask('DELETE', 'faults?for=login')).json).toEqual({})
    expect(await statuses(1, query, headers)).toEqual([500])
    expect((await ask('GET', 'faults')).json).toEqual({ reject: '500' })
  })

  test('can be set for a thousand tests at most', async () => {
    const { ask } = await start()
    for (let i = 0; i < 1000; i++) expect((await ask('PUT', `faults?for=${i}`, {})).status).toBe(200)
    const { status, json } = await ask('PUT', 'faults?for=more', {})
    expect([status, json.error]).toEqual([400, '1000 tests have faults of their own: delete some of them first'])
    expect((await ask('PUT', 'faults', {})).status).toBe(200)
    expect((await ask('PUT', 'faults?for=1', {})).status).toBe(200)
  })

  test('have connections and a journal of their own', async () => {
    const { ask, meet } = await start()
    const mine = await meet('test-id=mine')
    const other = await meet('', { 'X-Test-Id': 'other' })
    for (const { socket, frame: next } of [mine, other]) {
      socket.write(frame(opcodes.text, 'hello'))
      await next()
    }
    await meet('reject=503&test-id=mine')
    const { connections } = (await ask('GET', 'connections?for=mine')).json
    expect(connections).toMatchObject([{ testId: 'mine', query: 'test-id=mine' }])
    const { messages, faults } = (await ask('GET', 'messages?for=mine')).json
    expect(messages).toMatchObject([{ testId: 'mine', text: 'hello', connection: connections[0].id }])
    expect(faults).toMatchObject([{ testId: 'mine', fault: 'reject=503', connection: null }])
    expect((await ask('DELETE', 'messages?for=mine')).json).toEqual({})
    expect((await ask('GET', 'messages')).json).toMatchObject({ messages: [{ testId: 'other' }], faults: [] })
    expect((await ask('DELETE', 'connections?for=mine&code=4000')).json).toEqual({ closed: 1 })
    expect((await mine.frame()).opcode).toBe(opcodes.close)
    expect((await ask('GET', 'connections?for=other')).json.connections).toHaveLength(1)
  })

  test('a query with nothing but the name of a test asks for no faults', async () => {
    const { meet, log } = await start()
    const { status } = await meet('test-id=mine&token=x')
    expect(status).toBe(101)
    expect(log).toContainEqual(expect.objectContaining({ msg: 'Connected!' }))
    expect(log).not.toContainEqual(expect.objectContaining({ faults: expect.anything() }))
    expect(log).toContainEqual(expect.objectContaining({ ignored: 'token' }))
  })
})

describe('the journal of faults', () => {
  test('says which fault affected which connection, and when', async () => {
    const { ask, meet } = await start()
    const before = Date.now()
    await meet('reject=503')
    const { frame: next, end, socket } = await meet('close=4000&delay=1ms&after=1&test-id=x')
    expect((await ask('GET', 'messages')).json.faults).toEqual([
      { time: expect.any(String), connection: null, address: '127.0.0.1', fault: 'reject=503' },
      { time: expect.any(String), connection: 1, testId: 'x', address: '127.0.0.1', fault: 'delay=1ms' },
    ])
    socket.write(frame(opcodes.text, 'hello'))
    expect((await next()).opcode).toBe(opcodes.text)
    expect((await next()).opcode).toBe(opcodes.close)
    const { faults } = (await ask('GET', 'messages')).json
    expect(faults.at(-1)).toMatchObject({ connection: 1, fault: 'close=4000' })
    expect(Date.parse(faults.at(-1).time)).toBeGreaterThanOrEqual(before)
    socket.end()
    await end()
  })

  test('has a lost message each time', async () => {
    const { faultsOf, meet } = await start()
    const { socket, frame: next } = await meet('loss=1&tick=1h')
    socket.write(Buffer.concat(Array.from({ length: 3 }, () => frame(opcodes.text, 'x'))))
    socket.write(frame(opcodes.ping))
    await next()
    expect(await faultsOf()).toEqual(['tick=1h', 'loss=1', 'loss=1', 'loss=1'])
  })

  test.for(['close=1011', 'drop=fin', 'drop=rst', 'stall', 'corrupt=rsv', 'corrupt=unfinished'])(
    'has ?%s when it happens, as the log does',
    async fault => {
      const { faultsOf, log, meet } = await start()
      const { socket } = await meet(`${fault}&after=1`)
      expect(await faultsOf()).toEqual([])
      socket.write(Buffer.concat([frame(opcodes.text, 'one'), frame(opcodes.text, 'two')]))
      await expect.poll(() => faultsOf()).toEqual([fault])
      const triggered = log.filter(({ msg }) => msg === 'Triggered a fault')
      expect(triggered).toMatchObject([{ connection: 1, fault }])
    },
  )

  test('has the late answer to a close frame once it is sent', async () => {
    const { faultsOf, log, meet } = await start()
    const { socket, end } = await meet('close-delay=50ms&close-reply=4001&close=1011&after=1h')
    expect(await faultsOf()).toEqual([])
    socket.write(frame(opcodes.close, closePayload(1000)))
    await end()
    expect(await faultsOf()).toEqual(['close-delay=50ms', 'close-reply=4001'])
    expect(log.at(-1)).toMatchObject({ msg: 'Disconnected', code: 1000 })
  })

  test.for([
    ['redirect=307&location=/raw', ['redirect=307']],
    ['auth=bearer:token', ['auth=bearer:token']],
    ['auth=bearer:token&reject=503', ['auth=bearer:token']],
    ['header=A:b&header=C:d', ['header=A:b&header=C:d']],
    ['handshake=wrong-accept&subprotocol=', ['handshake=wrong-accept', 'subprotocol']],
    ['corrupt=header', ['corrupt=header']],
    ['hello&message=a&message=b', ['hello', 'message=a&message=b']],
  ] as const)('names the fault of ?%s', async ([query, expected]) => {
    const { faultsOf, meet } = await start()
    await meet(query)
    expect(await faultsOf()).toEqual(expected)
  })

  test('counts in the metrics, too', async () => {
    const { ask, statuses } = await start()
    await statuses(3, 'reject=503&times=2')
    const { text } = await ask('GET', 'metrics')
    expect(text).toMatch(/^websocket_faults_total\{fault="reject"\} 2$/m)
    expect(text).toMatch(/^websocket_handshakes_total\{outcome="asked"\} 2$/m)
  })
})
