import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { onTestFinished } from 'vitest'

/** Runs a command in its own process group, which is killed at the end of the test. */
export function run(command: string[], env: Record<string, string> = {}) {
  const [file = '', ...args] = command
  const child = spawn(file, args, {
    env: { ...process.env, ...env },
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const lines: string[] = []
  let more = Promise.withResolvers<void>()
  const wake = () => {
    more.resolve()
    more = Promise.withResolvers()
  }
  for (const stream of [child.stdout, child.stderr]) {
    createInterface({ input: stream }).on('line', line => {
      lines.push(line)
      wake()
    })
  }
  const exit = new Promise<number | NodeJS.Signals>(resolve =>
    child.on('close', (code, signal) => {
      resolve(code ?? signal ?? 'SIGKILL')
      wake()
    }),
  )
  const ended = () => child.exitCode !== null || child.signalCode !== null
  const kill = (signal: NodeJS.Signals) => {
    try {
      if (child.pid !== undefined) process.kill(-child.pid, signal)
    } catch {
      // The group is gone.
    }
  }
  onTestFinished(() => kill('SIGKILL'))

  return {
    pid: child.pid,
    lines,
    exit,
    kill,
    /** Resolves with the first match of a pattern in a line of output. */
    async line(pattern: RegExp): Promise<RegExpExecArray> {
      for (;;) {
        for (const line of lines) {
          const match = pattern.exec(line)
          if (match) return match
        }
        if (ended()) throw new Error(`it ended without a line like ${pattern}:\n${lines.join('\n')}`)
        await more.promise
      }
    },
  }
}
