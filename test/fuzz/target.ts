import { isDeepStrictEqual } from 'node:util'
import { createProgram } from '../bench/peer.ts'
import type { Written } from './parameters.ts'
import { MAX_PAYLOAD } from './scenario.ts'

type Line = Record<string, unknown>

/** The log of one connection. */
export type ConnectionLog = {
  id: number
  /** The lines at `info`. */
  lines: Line[]
  /** The numbers of received messages and sent replies that are logged at `debug`. */
  received: number
  replied: number
}

/** Waits for events that have a name and a result. An event may come before anybody waits for it. */
function createWaiters<T>() {
  const waiters = new Map<string, PromiseWithResolvers<T>>()
  return {
    of(name: string): PromiseWithResolvers<T> {
      const waiter = waiters.get(name) ?? Promise.withResolvers<T>()
      waiters.set(name, waiter)
      return waiter
    },
    forget: (name: string) => waiters.delete(name),
  }
}

/** Collects the log of each connection, and the refused handshakes. They are found by their paths. */
function createConnectionLog() {
  const byId = new Map<number, ConnectionLog>()
  const [opened, ended] = [createWaiters<ConnectionLog>(), createWaiters<ConnectionLog>()]
  const refused = createWaiters<Line>()
  const late: string[] = []

  return {
    /** The lines about connections that had ended. */
    late,

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
        opened.of(path).resolve(log)
      }
      if (parsed.msg === 'Refused a handshake') refused.of(path).resolve(parsed)
      const log = byId.get(connection)
      if (!log && connection !== undefined && parsed.side === undefined) late.push(line)
      log?.lines.push(parsed)
      if (!log || parsed.msg !== 'Disconnected') return
      byId.delete(connection)
      ended.of(`${log.lines[0]?.path}`).resolve(log)
    },
    opened: (path: string) => opened.of(path).promise,
    ended: (path: string) => ended.of(path).promise,
    refused: (path: string) => refused.of(path).promise,
    forget(path: string): void {
      for (const waiters of [opened, ended, refused]) waiters.forget(path)
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
      // The clients' own proxy gives each of them an address.
      TRUSTED_PROXIES: '127.0.0.1',
      REDIRECT_HOSTS: 'echo.test',
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

  /** Sets a list of default faults, for one test or for all others. */
  const setFaults = async (list: Written[], test?: string) => {
    const path = test === undefined ? '/faults' : `/faults?for=${encodeURIComponent(test)}`
    const wanted = list.length === 1 ? list[0] : list
    const { status, body } = await (list.length > 0 ? ask('PUT', path, JSON.stringify(wanted)) : ask('DELETE', path))
    if (status !== 200 || (list.length > 0 && !isDeepStrictEqual(body, wanted))) {
      throw new Error(`PUT or DELETE ${path} ${JSON.stringify(wanted)}: ${status} ${JSON.stringify(body)}`)
    }
  }

  let lock = Promise.resolve()
  let hasDefaults = false
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

    setFaults,

    /** Sets the default faults of connections without those of a test, and runs `act` before anything changes them. */
    async withDefaults<T>(faults: Written[], act: () => Promise<T>): Promise<T> {
      const before = lock
      const { promise, resolve } = Promise.withResolvers<void>()
      lock = promise
      await before
      try {
        if (hasDefaults || faults.length > 0) await setFaults(faults)
        hasDefaults = faults.length > 0
        return await act()
      } finally {
        resolve()
      }
    },
  }
}
