import { createProgram } from '../bench/peer.ts'
import { MAX_PAYLOAD } from './scenario.ts'

/** The log of one connection. */
export type ConnectionLog = {
  id: number
  /** The lines at `info`. */
  lines: Record<string, unknown>[]
  /** The numbers of received messages and sent replies that are logged at `debug`. */
  received: number
  replied: number
}

/** Collects the log of each connection. Connections are found by their paths. */
function createConnectionLog() {
  const byId = new Map<number, ConnectionLog>()
  const waiting = new Map<string, PromiseWithResolvers<ConnectionLog>>()
  const waitFor = (what: string) => {
    const waiter = waiting.get(what) ?? Promise.withResolvers<ConnectionLog>()
    waiting.set(what, waiter)
    return waiter
  }

  return {
    add(line: string): void {
      // Most lines match this, and parsing them all would be slow.
      const [, id, msg] = /^\{"level":"debug","time":"[^"]*","connection":(\d+),"msg":"(Just|Message)/.exec(line) ?? []
      const of = byId.get(Number(id))
      if (of) {
        if (msg === 'Just') of.replied++
        else of.received++
        return
      }
      const parsed = JSON.parse(line)
      const { connection, path } = parsed
      if (parsed.msg === 'Connected!') {
        const log = { id: connection, lines: [], received: 0, replied: 0 }
        byId.set(connection, log)
        waitFor(`opened ${path}`).resolve(log)
      }
      const log = byId.get(connection)
      log?.lines.push(parsed)
      if (!log || parsed.msg !== 'Disconnected') return
      byId.delete(connection)
      waitFor(`ended ${log.lines[0]?.path}`).resolve(log)
    },
    opened: (path: string) => waitFor(`opened ${path}`).promise,
    ended: (path: string) => waitFor(`ended ${path}`).promise,
    forget(path: string): void {
      waiting.delete(`opened ${path}`)
      waiting.delete(`ended ${path}`)
    },
  }
}

/** A server to be fuzzed, and its control port. */
export type Target = Awaited<ReturnType<typeof startTarget>>

/** Starts a server in a process of its own. `prefix` starts its replies to texts. */
export async function startTarget(name: string, prefix: string, env: Record<string, string>) {
  const log = createConnectionLog()
  let address = ''
  const onLine = (line: string) => {
    address ||= /Control on ([^"]+)/.exec(line)?.[1] ?? ''
    log.add(line)
  }
  const program = await createProgram(name, {
    file: '../../server/main.ts',
    env: {
      MAX_PAYLOAD: String(MAX_PAYLOAD),
      REPLY_PREFIX: prefix,
      LOG_FORMAT: 'json',
      CONTROL_PORT: '0',
      ...env,
    },
    onLine,
  }).start()

  /** Sends a request to the control port, and resolves with the status and the body. */
  const ask = async (method: string, path: string, body?: string, type = 'application/json') => {
    const options = body === undefined ? {} : { body, headers: { 'Content-Type': type } }
    const response = await fetch(`${address}${path}`, { method, ...options })
    return { status: response.status, body: await response.json() }
  }

  let lock = Promise.resolve()
  let defaults = '{}'
  return {
    name,
    url: program.url,
    prefix,
    pids: program.pids,
    log,
    ask,
    isDebug: env.LOG_LEVEL === 'debug',
    hasJournal: env.JOURNAL_SIZE !== undefined,
    /** The messages that were pushed to all connections. */
    broadcasts: new Set<string>(),
    [Symbol.asyncDispose]: () => program[Symbol.asyncDispose](),

    metrics: async () => (await fetch(`${address}/metrics`)).text(),

    /** Sets the default faults, and runs `act` before anything else can change them. */
    async withDefaults<T>(faults: Record<string, string>, act: () => Promise<T>): Promise<T> {
      const before = lock
      const { promise, resolve } = Promise.withResolvers<void>()
      lock = promise
      await before
      try {
        const wanted = JSON.stringify(faults)
        if (wanted !== defaults) {
          const { status } = wanted === '{}' ? await ask('DELETE', '/faults') : await ask('PUT', '/faults', wanted)
          if (status !== 200) throw new Error(`PUT or DELETE /faults ${wanted}: ${status}`)
          defaults = wanted
        }
        return await act()
      } finally {
        resolve()
      }
    },
  }
}
