import { fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { Answer, Command, Round, Workload } from './load-process.ts'
import type { Peer } from './peer.ts'

/** The load generator, in a process of its own. After a wrong reply, every method rejects. */
export type Load = Disposable & {
  /** Opens all connections of a workload to a peer. */
  open(peer: Peer, workload: Workload): Promise<void>
  /** Sends messages to a peer for some milliseconds, and waits until all are answered. */
  round(peer: Peer, milliseconds: number): Promise<Round>
  /** Closes all connections to all peers. */
  close(): Promise<void>
}

export function createLoad(): Load {
  const child = fork(fileURLToPath(new URL('load-process.ts', import.meta.url)))
  let problem: Error | undefined
  let pending = Promise.withResolvers<Round | undefined>()
  const fail = (message: string) => {
    problem ??= new Error(message)
    pending.reject(problem)
  }
  pending.promise.catch(() => {})
  child.on('message', (answer: Answer) => {
    if ('problem' in answer) fail(answer.problem)
    else pending.resolve(answer.round)
  })
  child.on('exit', () => fail('the load generator ended'))

  const ask = (command: Command): Promise<Round | undefined> => {
    if (problem) return Promise.reject(problem)
    pending = Promise.withResolvers()
    child.send(command)
    return pending.promise
  }

  return {
    async open({ name, url, prefix }, workload) {
      await ask({ name: 'open', peer: { name, url, prefix }, workload })
    },
    round: async ({ name }, milliseconds) => (await ask({ name: 'round', peer: { name }, milliseconds })) as Round,
    async close() {
      await ask({ name: 'close' })
    },
    [Symbol.dispose]: () => child.kill(),
  }
}
