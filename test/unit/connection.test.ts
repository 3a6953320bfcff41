import { once } from 'node:events'
import { connect as connectTcp, createServer, type Socket } from 'node:net'
import { beforeAll, expect, onTestFinished, test, vi } from 'vitest'
import { type Behaviour, type Outlet, PlainBehaviour } from '../../server/connection/behaviour.ts'
import { Connection } from '../../server/connection/connection.ts'
import { createLogger } from '../../server/log.ts'
import { Budget } from '../../server/wire/budget.ts'
import { Scheduler } from '../../server/wire/scheduler.ts'
import { closePayload, frame, opcodes, parseFrame } from '../suite/raw-client.ts'

const { close, ping, pong, text } = opcodes

/** Connects over loopback. Resolves with both ends. */
let connectPair: () => Promise<[accepted: Socket, peer: Socket]>
beforeAll(async () => {
  const server = createServer({ allowHalfOpen: true }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  connectPair = async () => {
    const accepted = once(server, 'connection')
    const peer = connectTcp(port, '127.0.0.1').on('error', () => {})
    onTestFinished(() => void peer.destroy())
    return [(await accepted)[0], peer]
  }
  return () => server.close()
})

/** Returns a connection with plain behaviour, and its peer. */
async function open(createBehaviour = (outlet: Outlet): Behaviour => new PlainBehaviour(outlet, message => message)) {
  const [socket, peer] = await connectPair()
  const log: Record<string, unknown>[] = []
  const options = {
    highWaterMark: 2 ** 20,
    stallTimeout: 60_000,
    budget: new Budget(2 ** 28, () => []),
    scheduler: new Scheduler(),
    messageTimeout: 60_000,
    maxPayload: 2 ** 20,
    maxFragments: 1000,
    logger: createLogger('debug', 'json', { write: line => log.push(JSON.parse(line)) }),
    observer: undefined,
    onGone: vi.fn(),
  }
  const peerOf = { address: '192.0.2.1', path: '/', query: '', subprotocol: undefined, extensions: undefined }
  const opening = {
    id: 7,
    socket: socket.on('error', () => socket.destroy()),
    head: Buffer.alloc(0),
    peer: { ...peerOf, faults: undefined, ignored: undefined, usedUp: undefined, testId: undefined },
    deflate: undefined,
    createBehaviour,
    fastPath: undefined,
  }
  let bytes = Buffer.alloc(0)
  const ended = vi.fn()
  peer.on('data', chunk => (bytes = Buffer.concat([bytes, chunk]))).on('end', ended)
  const next = () =>
    vi.waitFor(() => {
      const parsed = parseFrame(bytes)
      if (!parsed) throw new Error(`no frame: ${bytes.toString('hex')}`)
      bytes = bytes.subarray(parsed.length)
      return parsed.frame
    }, 10_000)
  const connection = new Connection(opening, options)
  const lines = () => log.map(({ msg }) => msg)
  const gone = () => expect.poll(() => options.onGone).toHaveBeenCalledExactlyOnceWith(connection)
  return { connection, peer, next, log, lines, gone, ended }
}

const message = { payload: Buffer.from('pushed'), isBinary: false }

test('an open connection answers messages and sends pushed ones', async () => {
  const { connection, peer, next, lines } = await open()
  peer.write(Buffer.concat([frame(text, 'hello'), frame(ping, 'p')]))
  expect(await next()).toMatchObject({ opcode: text, payload: Buffer.from('hello') })
  expect(await next()).toMatchObject({ opcode: pong, payload: Buffer.from('p') })
  expect(connection.push(message)).toBe(true)
  expect(await next()).toMatchObject({ payload: Buffer.from('pushed') })
  expect(lines()).toEqual(['Connected!', 'Message received : hello', 'Just replied'])
})

test('a silent connection sends nothing, whatever arrives, until it is dismissed', async () => {
  const { connection, peer, next, lines } = await open()
  connection.silence()
  peer.write(Buffer.concat([frame(text, 'hello'), frame(ping)]))
  expect(connection.push(message)).toBe(false)
  await expect.poll(() => connection.bytes.read).toBe(17)
  expect(connection.dismiss(4000, 'enough')).toBe(true)
  expect(await next()).toMatchObject({ opcode: close, payload: closePayload(4000, 'enough') })
  expect(lines()).toEqual(['Connected!'])
})

test('a stalled connection reads nothing until it is dismissed, and then finds the close frame behind the rest', async () => {
  const { connection, peer, next, gone, log } = await open()
  connection.stall()
  peer.write(Buffer.concat([frame(text, 'unread'), frame(close, closePayload(4000))]))
  expect(connection.dismiss(4000, '')).toBe(true)
  expect(await next()).toMatchObject({ opcode: close })
  await gone()
  expect(log.at(-1)).toMatchObject({ code: 4000, messages: 0 })
})

test('a closing connection answers nothing, and ends when the peer has closed, too', async () => {
  const { connection, peer, next, gone, lines, ended } = await open()
  expect(connection.dismiss(1000, '')).toBe(true)
  expect(connection.dismiss(1000, '')).toBe(false)
  expect(connection.drop('fin')).toBe(false)
  expect(connection.push(message)).toBe(false)
  peer.write(Buffer.concat([frame(text, 'late'), frame(ping), frame(text, 'x', { fin: false })]))
  expect(await next()).toMatchObject({ opcode: close })
  expect(ended).not.toHaveBeenCalled()
  peer.write(frame(close, closePayload(1000)))
  await gone()
  expect(lines()).toEqual(['Connected!', 'Disconnected'])
})

test.for([
  ['the peer closes', (peer: Socket) => peer.write(frame(close, closePayload(3000))), 3000],
  ['the peer closes without a code', (peer: Socket) => peer.write(frame(close)), 1005],
  ['the peer ends', (peer: Socket) => peer.end(), 1006],
  ['the peer resets', (peer: Socket) => peer.resetAndDestroy(), 1006],
  ['the peer breaks the protocol', (peer: Socket) => peer.write(frame(3)), 1002],
] as const)('when %s, a connection is gone, says so once, and can do nothing more', async ([, act, code]) => {
  const { connection, peer, gone, log } = await open()
  act(peer)
  await gone()
  expect(log.at(-1)).toMatchObject({ msg: 'Disconnected', code })
  expect(connection.push(message)).toBe(false)
  expect(connection.dismiss(1000, '')).toBe(false)
  expect([connection.drop('fin'), connection.drop('rst')]).toEqual([false, false])
  connection.goAway()
  connection.destroy()
  expect(log.filter(({ msg }) => msg === 'Disconnected')).toHaveLength(1)
})

test('due replies leave before the answer to a close, even if the peer has ended its side', async () => {
  const { promise, resolve } = Promise.withResolvers<() => void>()
  const { peer, next, gone } = await open(outlet => {
    const behaviour: Behaviour = new PlainBehaviour(outlet, message => message)
    behaviour.finish = done =>
      resolve(() => {
        outlet.send(message, 'reply')
        done()
      })
    return behaviour
  })
  peer.end(frame(close, closePayload(1000)))
  const finish = await promise
  await expect.poll(() => peer.writableFinished).toBe(true)
  finish()
  expect(await next()).toMatchObject({ opcode: text })
  expect(await next()).toMatchObject({ opcode: close, payload: closePayload(1000) })
  await gone()
})

test('a reset ends a connection, even one that is already ending', async () => {
  const { connection, peer, gone } = await open()
  connection.drop('fin')
  await once(peer, 'end')
  expect(connection.drop('rst')).toBe(true)
  await gone()
})
